#pragma once

#include <memory>
#include <optional>

#include "executor/matmul_plan.h"
#include "executor/row_plan.h"

namespace torch::jit {
struct Graph;
}

namespace int8graph {

/// A partition that is an attention, see passes/join_attention.h, in the terms of oneDNN's
/// primitives. Arguments are the partition's.
struct AttentionPlan {
  MatmulPlan scores;  ///< query times key, [..., L, S], f32; operands of post-ops are f32, too
  RowPlan softmax;    ///< over the last dimension
  MatmulPlan mean;    ///< probabilities times value, without operands

  /// The same with a partition for each of the three, which take what the attention's kernel does
  /// not.
  std::shared_ptr<torch::jit::Graph> parts;
};

/// The plan of a partition's subgraph; nothing if the subgraph is of any other form.
std::optional<AttentionPlan> attention_plan(torch::jit::Graph& subgraph);

}  // namespace int8graph
