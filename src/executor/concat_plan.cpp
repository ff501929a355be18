#include "executor/concat_plan.h"

#include <torch/csrc/jit/ir/ir.h>

#include "executor/compute_chain.h"
#include "executor/tensor_bridge.h"
#include "ops/operator_table.h"

namespace int8graph {

namespace jit = torch::jit;

std::optional<ConcatPlan> concat_plan(jit::Graph& subgraph) {
  if (subgraph.outputs().size() != 1 || !is_quantize(*subgraph.outputs()[0]->node())) return {};
  const jit::Value& result = *subgraph.outputs()[0];
  const auto parameters = parameters_of(result);
  const Lowering lowering = lower_node(*result.node()->input(0)->node());
  const auto* op = std::get_if<LoweredOp>(&lowering);
  if (!parameters || op == nullptr || op->kind != OpKind::Concat || op->inputs.empty()) return {};
  ConcatPlan plan{{}, std::get<int64_t>(*find_attr(*op, Attr::axis)), make_quantizer(*parameters)};
  for (const jit::Value* operand : op->inputs) {
    const auto input = quantized_input(subgraph, *operand);
    if (!input || input->parameters != *parameters) return {};
    plan.arguments.push_back(input->argument);
  }
  return plan;
}

}  // namespace int8graph
