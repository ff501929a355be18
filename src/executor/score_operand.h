#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <oneapi/dnnl/dnnl.hpp>

#include "executor/attention_blocks.h"

namespace int8graph {

/// An f32 operand of the scores as oneDNN's fast kernels read it: dense, [batch, heads, queries,
/// keys], with 1 where it is broadcast: over heads, or over heads and queries. What broadcasts
/// otherwise is written out.
class ScoreOperand {
 public:
  /// @param tensor f32, broadcasts to the scores
  /// @param padded for how many queries and keys; ones stand where there are none, so that nothing
  ///   is divided by 0
  /// @param block how much is computed at a time: of all heads, if that is several
  ScoreOperand(const at::Tensor& tensor, const AttentionSizes& sizes, const AttentionSizes& padded,
               const AttentionBlock& block);

  /// What is added to scores so that the softmax leaves out the keys that `padded` has more: 0 for
  /// the others, and -inf for these.
  static ScoreOperand mask(const AttentionSizes& sizes, const AttentionSizes& padded,
                           const AttentionBlock& block);

  /// The part for the block that starts there.
  const void* at(int64_t batch, int64_t head, int64_t query) const;
  dnnl::memory::dims sizes_in(const AttentionBlock& block) const;

 private:
  ScoreOperand(at::Tensor dense, bool is_shared)
      : dense_(std::move(dense)), is_shared_(is_shared) {}

  at::Tensor dense_;
  bool is_shared_;  ///< by all sequences
};

}  // namespace int8graph
