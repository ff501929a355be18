#include "quantize/canonicalize.h"

#include <ATen/core/Tensor.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>

#include <string>

#include "ops/graph_edit.h"
#include "ops/graph_walk.h"
#include "ops/node_arguments.h"
#include "ops/operator_table.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

/// Arguments of both generic forms: input, weight, bias, stride, padding, dilation, transposed,
/// output_padding, groups.
void specialize_convolution(jit::Node& node) {
  const auto transposed = jit::toIValue(node.input(kTransposedArgument));
  const auto weight = constant_tensor(node.input(1));
  if (!transposed || !weight) return;
  const Operator* row = find_convolution(weight->dim(), transposed->toBool());
  if (row == nullptr) return;
  jit::Graph& graph = *node.owningGraph();
  const jit::WithInsertPoint guard(&node);
  const auto in = node.inputs();
  const std::vector<jit::Value*> arguments =
      transposed->toBool() ? std::vector{in[0], in[1], in[2], in[3], in[4], in[7], in[8], in[5]}
                           : std::vector{in[0], in[1], in[2], in[3], in[4], in[5], in[8]};
  const auto symbol = c10::Symbol::fromQualString(std::string(row->symbols.front()));
  jit::Node* specialized = graph.insertNode(graph.create(symbol, arguments, 1));
  specialized->output()->copyMetadata(node.output());
  replace(node, specialized->output());
}

bool is_one(const jit::Value& factor) {
  const auto constant = jit::toIValue(&factor);
  return constant && constant->toScalar().equal(1);
}

/// Exactly those that calibration records as linear (observe/recording_rule.h), as far as the graph
/// tells.
void addmm_as_linear(jit::Node& node) {
  const auto bias = constant_tensor(node.input(addmm::kBias));
  const auto weight = constant_tensor(node.input(addmm::kWeight));
  if (!bias || bias->dim() != 1 || !weight) return;
  if (!is_one(*node.input(addmm::kBeta)) || !is_one(*node.input(addmm::kAlpha))) return;
  jit::Graph& graph = *node.owningGraph();
  const jit::WithInsertPoint guard(&node);
  jit::Value* transposed = graph.insertConstant(weight->t().contiguous());
  jit::Node* linear = graph.insertNode(graph.create(
      c10::aten::linear, {node.input(addmm::kInput), transposed, node.input(addmm::kBias)}, 1));
  linear->output()->copyMetadata(node.output());
  replace(node, linear->output());
}

void canonicalize_node(jit::Node& node) {
  const Operator* row = find_operator(node);
  if (is_generic_convolution(node.kind().toQualString())) {
    specialize_convolution(node);
  } else if (is_addmm(node.kind().toQualString())) {
    addmm_as_linear(node);
  } else if (row != nullptr && row->name == "dropout") {
    const auto training = jit::toIValue(node.input(2));
    if (training && !training->toBool()) replace(node, node.input(0));
  }
}

}  // namespace

void canonicalize(const std::shared_ptr<jit::Graph>& graph) {
  for_each_node(*graph->block(), canonicalize_node);
}

}  // namespace int8graph
