#include "passes/decompose.h"

#include <ATen/core/Tensor.h>
#include <torch/csrc/jit/ir/ir.h>

#include "ops/graph_edit.h"
#include "ops/graph_walk.h"
#include "ops/node_arguments.h"
#include "ops/operator_table.h"
#include "passes/arithmetic.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

/// Behind what it fuses with. Elsewhere PyTorch's one kernel is the faster one.
void silu_as_product(jit::Node& node) {
  if (find_operator(node) == nullptr || !is_surely_float_with_dimensions(*node.input(0))) return;
  jit::Graph& graph = *node.owningGraph();
  const jit::WithInsertPoint guard(&node);
  jit::Value* sigmoid = graph.insert(c10::aten::sigmoid, {node.input(0)});
  jit::Value* product = graph.insert(c10::aten::mul, {node.input(0), sigmoid});
  replace(node, product);
}

/// One slope for all channels.
void prelu_as_leaky_relu(jit::Node& node) {
  const auto slope = constant_tensor(node.input(1));
  if (!slope || slope->numel() != 1 || slope->scalar_type() != c10::kFloat) return;
  const jit::WithInsertPoint guard(&node);
  const double number = slope->item<float>();
  replace(node, node.owningGraph()->insert(c10::aten::leaky_relu, {node.input(0), number}));
}

void decompose_node(jit::Node& node) {
  switch (node.kind()) {
    case c10::aten::silu:
      silu_as_product(node);
      break;
    case c10::aten::prelu:
      prelu_as_leaky_relu(node);
      break;
    default:
      write_fusable_arithmetic(node);
  }
}

}  // namespace

void decompose(const std::shared_ptr<jit::Graph>& graph) {
  for_each_node(*graph->block(), decompose_node);
}

}  // namespace int8graph
