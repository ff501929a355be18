#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "passes/packed_views.h"

namespace int8graph {

/// The forms that packed_views() knows, one function and one file for each, and what they share.

/// The linear layer that makes the parts.
struct PackedLayer {
  torch::jit::Value* packed;                ///< the result
  int64_t outputs, inputs;                  ///< channels
  std::vector<torch::jit::Value*> sources;  ///< what it reads, also before that was quantized
};

/// A list of parts, by split or chunk.
std::optional<PackedViews> parts_in_list(const PackedLayer& layer, const WrittenValues& written);

/// A dimension of parts, by reshape, permute, and select or unbind.
std::optional<PackedViews> parts_in_dimension(const PackedLayer& layer,
                                              const WrittenValues& written);

/// The views that nn.MultiheadAttention takes.
std::optional<PackedViews> parts_of_multihead_attention(const PackedLayer& layer,
                                                        const WrittenValues& written);

/// The one reader of a value, which nobody writes to; null if there are others.
torch::jit::Node* only_reader(const torch::jit::Value& value, const WrittenValues& written);

/// Whether there is a node, and it is a reshape or a view.
bool is_reshape(const torch::jit::Node* node);

/// The elements of a list that is built; nothing for a list of another origin.
std::optional<std::vector<torch::jit::Value*>> elements_of(torch::jit::Value& list);

std::optional<std::vector<int64_t>> constant_integers(const torch::jit::Value& list);

/// A position among so many, counted from the front; nothing if there is none.
std::optional<int64_t> position(std::optional<int64_t> number, size_t count);

/// The parts that the readers of a tensor take along a dimension, in whatever order.
/// @param rank of the tensor; 0 if that is unknown, so that no dimension is counted from its end
/// @param count channels of a part
std::vector<PackedPart> parts_along(torch::jit::Value& value, int64_t axis, size_t rank,
                                    int64_t parts, int64_t count);

}  // namespace int8graph
