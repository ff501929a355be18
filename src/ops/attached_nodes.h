#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace c10 {
struct IValue;
}

namespace torch::jit {
struct Node;
struct Value;
}  // namespace torch::jit

namespace int8graph {

/// Some nodes are no operators of their own, but part of the one node that reads them: they are
/// lowered, moved and fused with it.
///
///     %l : Tensor[] = prim::ListConstruct(%a, %b)     the list of aten::cat(%l, 1)
///     %p : Tensor = aten::pad(%x, [0, 1, 0, 1], ...)  the padding of aten::conv2d(%p, %w, ...)
bool is_attached(const torch::jit::Node& node);

/// Attached nodes and constants: what no operation of its own is made of.
bool is_part_of_its_reader(const torch::jit::Node& node);

/// Whether aten::pad with these arguments puts zeros at the edges of its input and nothing else.
/// They are exact in int8, so a quantizer may stand on either side.
bool is_zero_padding(const c10::IValue& pads, const c10::IValue& mode, const c10::IValue& value);

/// Zeros that an attached aten::pad puts around a convolution's input, by spatial dimension.
struct ZeroPadding {
  torch::jit::Value* input;
  std::vector<int64_t> begin;
  std::vector<int64_t> end;
};

/// The padding that is attached to `value`, which has so many spatial dimensions, if there is one.
std::optional<ZeroPadding> attached_padding(torch::jit::Value* value, size_t spatial);

}  // namespace int8graph
