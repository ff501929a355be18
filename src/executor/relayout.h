#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <vector>

#include "executor/primitive_runner.h"
#include "executor/tensor_bridge.h"
#include "passes/partition_node.h"

namespace int8graph {

/// Copies tensors of one form to other strides, by oneDNN. Immutable; run by many threads.
class Relayout {
 public:
  /// @throws dnnl::error if oneDNN can't.
  Relayout(const OutputSpec& from, std::vector<int64_t> strides);

  at::Tensor run(const at::Tensor& tensor) const;

 private:
  OutputSpec to_;
  PrimitiveRunner reorder_;
};

/// What a tensor looks like.
OutputSpec spec_of(const at::Tensor& tensor);

/// The same, dense, with channels side by side; of at least two dimensions.
OutputSpec channels_last(OutputSpec spec);

/// oneDNN's description of such memory: f32, or int8 without its scale and zero point.
dnnl::memory::desc desc_of(const OutputSpec& spec);

/// What brings tensors of one form to these strides; nothing where they lie so already.
std::optional<Relayout> relayout_to(const OutputSpec& from, std::vector<int64_t> strides);

/// How a kernel that reads and writes channels-last meets tensors that lie otherwise. Immutable.
class ChannelsLastBorders {
 public:
  /// @param result channels-last
  /// @param layout how it is wanted
  ChannelsLastBorders(const OutputSpec& source, const OutputSpec& result, OutputLayout layout);

  at::Tensor read(const at::Tensor& source) const { return read_ ? read_->run(source) : source; }
  at::Tensor write(at::Tensor result) const {
    if (write_) return write_->run(result);
    return result;
  }

 private:
  std::optional<Relayout> read_, write_;
};

/// Whether elements lie where these strides say; dimensions of one element have none.
bool lies_in(const OutputSpec& spec, c10::IntArrayRef strides);

}  // namespace int8graph
