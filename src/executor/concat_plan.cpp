#include "executor/concat_plan.h"

#include <torch/csrc/jit/ir/ir.h>

#include "executor/quantized_input.h"
#include "executor/quantized_operation.h"
#include "executor/tensor_bridge.h"

namespace int8graph {

namespace jit = torch::jit;

std::optional<ConcatPlan> concat_plan(jit::Graph& subgraph) {
  const auto made = quantized_operation(subgraph);
  if (!made || made->op.kind != OpKind::Concat || made->op.inputs.empty()) return {};
  ConcatPlan plan{{}, attr_of<int64_t>(made->op, Attr::axis), make_quantizer(made->parameters)};
  for (const jit::Value* operand : made->op.inputs) {
    const auto input = quantized_input(subgraph, *operand);
    if (!input || input->parameters != made->parameters) return {};
    plan.arguments.push_back(input->argument);
  }
  return plan;
}

}  // namespace int8graph
