#include "executor/quantized_operation.h"

#include <torch/csrc/jit/ir/ir.h>

#include "ops/operator_table.h"

namespace int8graph {

std::optional<QuantizedOperation> quantized_operation(torch::jit::Graph& subgraph) {
  if (subgraph.outputs().size() != 1) return {};
  const torch::jit::Node& quantize = *subgraph.outputs()[0]->node();
  if (!is_quantize(quantize)) return {};
  const auto parameters = parameters_at(quantize);
  Lowering lowering = lower_node(*subgraph.outputs()[0]->node()->input(0)->node());
  auto* op = std::get_if<LoweredOp>(&lowering);
  if (!parameters || op == nullptr) return {};
  return QuantizedOperation{std::move(*op), *parameters};
}

}  // namespace int8graph
