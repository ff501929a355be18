#include "passes/partition_node.h"

#include <ATen/core/Tensor.h>
#include <torch/csrc/jit/ir/ir.h>

#include "ops/node_arguments.h"
#include "ops/operator_table.h"

namespace int8graph {

namespace {

const c10::Symbol kOutputLayouts = c10::Symbol::attr("output_layouts");
const c10::Symbol kReusableInputs = c10::Symbol::attr("reusable_inputs");
const c10::Symbol kResultsLeave = c10::Symbol::attr("results_leave");

}  // namespace

c10::Symbol partition_symbol() {
  static const auto symbol = c10::Symbol::fromQualString("int8graph::partition");
  return symbol;
}

std::string partition_name(const torch::jit::Graph& subgraph) {
  std::string name;
  for (const torch::jit::Node* node : subgraph.nodes()) {
    if (node->kind() == c10::prim::Constant || node->kind() == c10::prim::ListConstruct) continue;
    if (constant_tensor(node->output())) continue;  // a weight's dequantize
    const Operator* row = find_operator(*node);
    if (!name.empty()) name += '+';
    name += row != nullptr ? std::string(row->name) : std::string(node->kind().toUnqualString());
  }
  return name;
}

void set_output_layouts(torch::jit::Node& partition, const std::vector<OutputLayout>& layouts) {
  std::vector<int64_t> values;
  for (const OutputLayout layout : layouts) values.push_back(static_cast<int64_t>(layout));
  partition.is_(kOutputLayouts, std::move(values));
}

std::vector<OutputLayout> output_layouts(const torch::jit::Node& partition) {
  if (!partition.hasAttribute(kOutputLayouts)) {
    return std::vector(partition.outputs().size(), OutputLayout::Any);
  }
  std::vector<OutputLayout> layouts;
  for (const int64_t value : partition.is(kOutputLayouts)) {
    layouts.push_back(static_cast<OutputLayout>(value));
  }
  return layouts;
}

void set_reusable_inputs(torch::jit::Node& partition, const std::vector<bool>& reusable) {
  partition.is_(kReusableInputs, std::vector<int64_t>(reusable.begin(), reusable.end()));
}

std::vector<bool> reusable_inputs(const torch::jit::Node& partition) {
  if (!partition.hasAttribute(kReusableInputs)) {
    return std::vector<bool>(partition.inputs().size(), false);
  }
  const auto& values = partition.is(kReusableInputs);
  return std::vector<bool>(values.begin(), values.end());
}

void set_results_leave(torch::jit::Node& partition, bool leave) {
  partition.i_(kResultsLeave, leave ? 1 : 0);
}

bool results_leave(const torch::jit::Node& partition) {
  return !partition.hasAttribute(kResultsLeave) || partition.i(kResultsLeave) != 0;
}

}  // namespace int8graph
