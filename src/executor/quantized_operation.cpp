#include "executor/quantized_operation.h"

#include <torch/csrc/jit/ir/ir.h>

#include "ops/lowered_node.h"

namespace int8graph {

std::optional<QuantizedOperation> quantized_operation(torch::jit::Graph& subgraph) {
  if (subgraph.outputs().size() != 1) return {};
  torch::jit::Node& quantize = *subgraph.outputs()[0]->node();
  if (!is_quantize(quantize)) return {};
  const auto parameters = parameters_at(quantize);
  auto op = lowered(*quantize.input(0)->node());
  if (!parameters || !op) return {};
  return QuantizedOperation{std::move(*op), *parameters};
}

}  // namespace int8graph
