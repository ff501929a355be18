#include "executor/quantized_input.h"

#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>

namespace int8graph {

namespace jit = torch::jit;

std::optional<size_t> input_position(const jit::Graph& subgraph, const jit::Value& value) {
  const auto inputs = subgraph.inputs();
  const auto found = std::ranges::find(inputs, &value);
  if (found == inputs.end()) return {};
  return static_cast<size_t>(found - inputs.begin());
}

std::optional<QuantizedInput> quantized_input(const jit::Graph& subgraph,
                                              const jit::Value& dequantized) {
  const jit::Node& dequantize = *dequantized.node();
  if (dequantize.kind() != explicit_dequantize_symbol()) return {};
  const auto parameters = parameters_at(dequantize);
  const auto argument = input_position(subgraph, *dequantize.input(0));
  if (!parameters || !argument) return {};
  return QuantizedInput{*argument, *parameters};
}

}  // namespace int8graph
