#pragma once

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <c10/util/SmallVector.h>

#include <span>

#include "executor/snapshot_cache.h"

namespace int8graph {

/// What a partition is compiled for: the number of threads, and its arguments' sizes and strides.
/// On the stack for up to some eight arguments.
class CallKey {
 public:
  explicit CallKey(std::span<const at::Tensor> arguments) {
    push(at::get_num_threads());
    for (const at::Tensor& argument : arguments) {
      push(argument.dim());
      for (const int64_t size : argument.sizes()) push(size);
      for (const int64_t stride : argument.strides()) push(stride);
    }
  }
  CacheKey view() const { return {values_.data(), values_.size()}; }

 private:
  void push(int64_t value) { values_.push_back(value); }
  c10::SmallVector<int64_t, 64> values_;
};

}  // namespace int8graph
