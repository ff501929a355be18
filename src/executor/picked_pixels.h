#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "executor/tensor_bridge.h"

namespace int8graph {

/// Puts some pixels of a tensor next to each other: in each spatial dimension every n-th one.
///
///     source [N, C, D1, ...]                result [N, C, ceil(D1 / step1), ...]
///
/// Both lie channels-last, dense. Immutable; run by many threads. Copies a pixel's bytes at a time;
/// oneDNN's reorder takes twice as long for 256 of them.
class PickedPixels {
 public:
  PickedPixels(const OutputSpec& source, c10::IntArrayRef steps);

  at::Tensor run(const at::Tensor& source) const;

  c10::IntArrayRef sizes() const { return result_.sizes; }

 private:
  /// Where a line of pixels begins, in bytes; lines are counted over all dimensions but the last.
  int64_t offset_of(int64_t line) const;

  OutputSpec result_;
  std::vector<int64_t> sizes_;    // of all dimensions but the channels'
  std::vector<int64_t> strides_;  // from one picked pixel to the next, in the source's bytes
  int64_t bytes_;                 // of a pixel
  int64_t lines_ = 1;
};

}  // namespace int8graph
