#include "passes/decompose.h"

#include <ATen/ops/full.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>

#include "ops/graph_walk.h"
#include "passes/quantizers.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

void silu_as_product(jit::Node& node) {
  jit::Graph& graph = *node.owningGraph();
  const jit::WithInsertPoint guard(&node);
  jit::Value* sigmoid = graph.insert(c10::aten::sigmoid, {node.input(0)});
  jit::Value* product = graph.insert(c10::aten::mul, {node.input(0), sigmoid});
  node.output()->replaceAllUsesWith(product);
  node.destroy();
}

bool is_number(const jit::Value& value) {
  const auto constant = jit::toIValue(&value);
  return constant && (constant->isDouble() || constant->isInt());
}

const jit::Node& producer_before_quantizers(const jit::Value& value) {
  const jit::Node* node = value.node();
  while (node->kind() == c10::aten::dequantize || is_quantize(*node)) node = node->input(0)->node();
  return *node;
}

/// Only behind a float tensor that has dimensions for sure: a compute operator's result, or
/// arithmetic on such. An int tensor plus 1 would not stay one, nor a tensor without dimensions.
bool is_surely_float_with_dimensions(const jit::Value& value) {
  switch (value.node()->kind()) {
    case c10::aten::conv1d:
    case c10::aten::conv2d:
    case c10::aten::conv3d:
    case c10::aten::linear:
    case c10::aten::bmm:
      return true;
    case c10::aten::matmul:
      // Of two vectors it has no dimensions; behind a transpose stands no vector.
      return producer_before_quantizers(*value.node()->input(1)).kind() == c10::aten::transpose;
    case c10::aten::sigmoid:
    case c10::aten::add:
    case c10::aten::mul:
    case c10::aten::div:
      return is_surely_float_with_dimensions(*value.node()->input(0));
    default:
      return false;
  }
}

void scalar_as_tensor(jit::Node& node) {
  jit::Value* scalar = node.input(1);
  const bool rounds = node.kind() == c10::aten::div && node.inputs().size() > 2;
  if (rounds || !is_number(*scalar) || !is_surely_float_with_dimensions(*node.input(0))) return;
  jit::Graph& graph = *node.owningGraph();
  const jit::WithInsertPoint guard(&node);
  const double number = jit::toIValue(scalar)->toScalar().toDouble();
  // A new node: the old one is bound to the overload that takes a number.
  jit::Value* tensor = graph.insertConstant(at::full({1}, number, c10::kFloat));
  std::vector<jit::NamedValue> alpha;
  if (node.kind() == c10::aten::add) alpha.emplace_back("alpha", node.input(2));
  node.output()->replaceAllUsesWith(graph.insert(node.kind(), {node.input(0), tensor}, alpha));
  node.destroy();
}

void decompose_node(jit::Node& node) {
  switch (node.kind()) {
    case c10::aten::silu:
      silu_as_product(node);
      break;
    case c10::aten::add:
    case c10::aten::mul:
    case c10::aten::div:
      if (node.inputs().size() >= 2 && node.output()->type()->cast<c10::TensorType>()) {
        scalar_as_tensor(node);
      }
      break;
    default:
      break;
  }
}

}  // namespace

void decompose(const std::shared_ptr<jit::Graph>& graph) {
  for_each_node(*graph->block(), decompose_node);
}

}  // namespace int8graph
