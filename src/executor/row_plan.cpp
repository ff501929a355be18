#include "executor/row_plan.h"

#include <torch/csrc/jit/ir/ir.h>

#include "executor/tensor_bridge.h"
#include "ops/attached_nodes.h"
#include "ops/lowered_node.h"
#include "passes/quantizers.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

std::optional<dnnl::algorithm> algorithm_of(OpKind kind) {
  switch (kind) {
    case OpKind::SoftMax:
      return dnnl::algorithm::softmax_accurate;
    case OpKind::LogSoftmax:
      return dnnl::algorithm::softmax_log;
    default:
      return {};
  }
}

std::optional<RowPlan> plan_of(jit::Node& node) {
  const auto op = lowered(node);
  const auto algorithm = op ? algorithm_of(op->kind) : std::nullopt;
  if (!algorithm || op->attrs.size() != 1 || op->attrs[0].first != Attr::axis) return {};
  return RowPlan{*algorithm, std::get<int64_t>(op->attrs[0].second), {}};
}

}  // namespace

std::optional<RowPlan> row_plan(jit::Graph& subgraph) {
  if (subgraph.inputs().size() != 1 || subgraph.outputs().size() != 1) return {};
  std::optional<RowPlan> plan;
  const jit::Value* result = subgraph.inputs()[0];
  for (jit::Node* node : subgraph.nodes()) {
    if (is_part_of_its_reader(*node)) continue;
    if (node->inputs().empty() || node->input(0) != result) return {};
    if (!plan) {
      plan = plan_of(*node);
      if (!plan) return {};
    } else {
      const auto parameters = parameters_at(*node);
      if (plan->quantizer || !is_quantize(*node) || !parameters || parameters->zero_point != 0) {
        return {};
      }
      plan->quantizer = make_quantizer(*parameters);
    }
    result = node->output();
  }
  if (result != subgraph.outputs()[0]) return {};
  return plan;
}

}  // namespace int8graph
