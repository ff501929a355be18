#pragma once

#include <memory>
#include <optional>

#include "executor/product_plan.h"
#include "executor/row_plan.h"

namespace torch::jit {
struct Graph;
struct Node;
}  // namespace torch::jit

namespace int8graph {

/// The subgraph of a partition that is an attention, see passes/join_attention.h, with a partition
/// for each of its parts.
struct AttentionGraph {
  std::shared_ptr<torch::jit::Graph> whole;
  torch::jit::Node* scores;
  torch::jit::Node* softmax;
  torch::jit::Node* mean;
};

/// Nothing if the subgraph is of any other form.
std::optional<AttentionGraph> attention_graph(torch::jit::Graph& subgraph);

/// An attention in the terms of oneDNN's primitives. Arguments are those of the whole.
struct AttentionPlan {
  ProductPlan scores;  ///< query times key, [..., L, S], f32; operands of post-ops are f32, too
  RowPlan softmax;     ///< of the scores
  ProductPlan mean;    ///< probabilities times value, without operands
};

/// Nothing if a part does what its primitive can't.
std::optional<AttentionPlan> attention_plan(const AttentionGraph& graph);

}  // namespace int8graph
