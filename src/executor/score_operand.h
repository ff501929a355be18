#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <oneapi/dnnl/dnnl.hpp>

#include "executor/attention_blocks.h"

namespace int8graph {

/// An operand of the scores in fp32 and dense: [batch, heads, queries, keys], with 1 where it
/// broadcasts. oneDNN's fast kernels broadcast it over heads, and over heads and queries; over all
/// else only the reference kernel does.
class ScoreOperand {
 public:
  /// @param tensor broadcasts to the scores
  /// @param padded for how many queries and keys; ones stand where there are none, so that nothing
  ///   is divided by 0
  ScoreOperand(const at::Tensor& tensor, const AttentionSizes& sizes, const AttentionSizes& padded);

  /// What is added to scores so that the softmax leaves out the keys that `padded` has more: 0 for
  /// the others, and -inf for these.
  static ScoreOperand mask(const AttentionSizes& sizes, const AttentionSizes& padded);

  /// What lies at a query of a head.
  const void* at(int64_t batch, int64_t head, int64_t query) const;

  /// The part that belongs to a block of the scores.
  dnnl::memory::dims sizes_in(const AttentionBlock& block) const;

 private:
  explicit ScoreOperand(at::Tensor dense) : dense_(std::move(dense)) {}

  at::Tensor dense_;
};

}  // namespace int8graph
