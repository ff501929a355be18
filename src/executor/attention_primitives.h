#pragma once

#include <c10/util/SmallVector.h>

#include <memory>
#include <optional>
#include <string>

#include "executor/attention_blocks.h"
#include "executor/attention_plan.h"
#include "executor/head_blocks.h"
#include "executor/matmul_primitive.h"
#include "executor/row_primitive.h"
#include "executor/score_operand.h"
#include "executor/snapshot_cache.h"

namespace int8graph {

/// What the blocks of one plan share, whatever their sizes.
struct AttentionConstants {
  explicit AttentionConstants(const AttentionPlan& plan);

  PrimitiveConstants scores;
  PrimitiveConstants softmax;
  PrimitiveConstants mean;
};

/// What one call of an attention works on.
struct AttentionCall {
  AttentionSizes sizes;  ///< with padding
  AttentionBlock block;
  HeadBlocks query, key, value, result;
  c10::SmallVector<ScoreOperand, 3> operands;

  /// A block's.
  dnnl::memory::dims score_sizes() const {
    return {block.batch, block.heads, block.queries, sizes.keys};
  }
};

/// What the primitives of a call's blocks depend on.
class AttentionKey {
 public:
  AttentionKey(const AttentionCall& call, int threads);
  CacheKey view() const { return {values_.data(), values_.size()}; }

 private:
  c10::SmallVector<int64_t, 40> values_;
};

/// The softmax of a block's scores: softmax_rows() where that is fast, otherwise oneDNN's.
class ScoreSoftmax {
 public:
  /// @throws dnnl::error if oneDNN has none of this form.
  ScoreSoftmax(const RowPlan& plan, const PrimitiveConstants& constants, int64_t rows,
               int64_t length);

  /// @param scores f32 [rows, length], overwritten
  /// @param probabilities of the plan's dtype
  void run(void* scores, void* probabilities) const;

  std::string implementation() const;
  std::string shape() const;

 private:
  const int64_t rows_, length_;
  const at::QuantizerPtr quantizer_;
  std::optional<RowPrimitive> primitive_;
};

/// A product, a softmax and another product that compute blocks of one form. Immutable; run by many
/// threads.
class AttentionPrimitives {
 public:
  /// @param scores the plan's, with as many operands as the call
  /// @throws dnnl::error if oneDNN has no primitives of this form.
  AttentionPrimitives(const AttentionPlan& plan, const ProductPlan& scores,
                      const AttentionConstants& constants, const AttentionCall& call);

  /// Computes all blocks of a call of this form.
  void run(const AttentionCall& call) const;

  std::string implementation() const;
  std::string shape() const { return softmax_.shape() + " scores"; }

 private:
  struct Workspace;
  void run_heads(const AttentionCall& call, const Workspace& work, int64_t batch,
                 int64_t head) const;

  MatmulPrimitive scores_;
  ScoreSoftmax softmax_;
  MatmulPrimitive mean_;
};

}  // namespace int8graph
