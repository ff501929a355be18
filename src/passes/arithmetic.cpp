#include "passes/arithmetic.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/full.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>

#include <optional>
#include <utility>

#include "ops/float_values.h"
#include "ops/graph_edit.h"
#include "ops/operator_table.h"
#include "passes/quantizers.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

/// The number of a constant, which tracing writes as a tensor without dimensions.
std::optional<double> number_of(const jit::Value& value) {
  const auto constant = jit::toIValue(&value);
  if (!constant) return {};
  if (constant->isDouble() || constant->isInt()) return constant->toScalar().toDouble();
  if (!constant->isTensor() || constant->toTensor().dim() != 0) return {};
  const c10::ScalarType dtype = constant->toTensor().scalar_type();
  if (!at::isFloatingType(dtype) && !at::isIntegralType(dtype, /*includeBool=*/false)) return {};
  return constant->toTensor().item().toDouble();
}

const jit::Node& producer_before_quantizers(const jit::Value& value) {
  const jit::Node* node = value.node();
  while (node->kind() == c10::aten::dequantize || is_quantize(*node)) node = node->input(0)->node();
  return *node;
}

}  // namespace

bool is_surely_float_with_dimensions(const jit::Value& value) {
  const jit::Node& node = *value.node();
  const Operator* row = find_operator(node);
  if (row == nullptr) return false;
  switch (row->op_class) {
    case OpClass::Conv:
    case OpClass::Linear:
      return true;
    case OpClass::MatMul:
      // Of two vectors it has no dimensions; behind a transpose stands no vector.
      return is_surely_float(value) &&
             (node.kind() == c10::aten::bmm ||
              producer_before_quantizers(*node.input(1)).kind() == c10::aten::transpose);
    case OpClass::Add:
      return is_surely_float_with_dimensions(*node.input(0)) ||
             is_surely_float_with_dimensions(*node.input(1));
    case OpClass::Elementwise:
      return is_surely_float_with_dimensions(*node.input(0));
    default:
      return false;
  }
}

namespace {

jit::Value* insert_number(jit::Graph& graph, double number) {
  return graph.insertConstant(at::full({1}, number, c10::kFloat));
}

bool has_alpha(const jit::Node& node) {
  return node.kind() == c10::aten::add || node.kind() == c10::aten::sub;
}

bool is_one(const jit::Value& value) {
  const auto number = number_of(value);
  return number && *number == 1;
}

/// A number before a sum or product goes behind it, where alpha leaves them equal.
void put_number_behind(jit::Node& node) {
  const bool commutes =
      node.kind() == c10::aten::mul || (node.kind() == c10::aten::add && is_one(*node.input(2)));
  jit::Value* first = node.input(0);
  jit::Value* second = node.input(1);
  if (!commutes || !number_of(*first) || !is_tensor(*second) || number_of(*second)) return;
  node.replaceInput(0, second);
  node.replaceInput(1, first);
}

void scalar_as_tensor(jit::Node& node) {
  put_number_behind(node);
  const auto number = number_of(*node.input(1));
  const bool rounds = node.kind() == c10::aten::div && node.inputs().size() > 2;
  if (rounds || !number || !is_surely_float_with_dimensions(*node.input(0))) return;
  jit::Graph& graph = *node.owningGraph();
  const jit::WithInsertPoint guard(&node);
  // A new node: the old one is bound to the overload that takes a number.
  jit::Value* tensor = insert_number(graph, *number);
  std::vector<jit::NamedValue> alpha;
  if (has_alpha(node)) alpha.emplace_back("alpha", node.input(2));
  replace(node, graph.insert(node.kind(), {node.input(0), tensor}, alpha));
}

jit::Value* insert_negative(jit::Graph& graph, jit::Value* value) {
  return graph.insert(c10::aten::mul, {value, insert_number(graph, -1)});
}

/// As scripts write `1 - x`: neg(x) + 1.
void negation_as_product(jit::Node& node) {
  if (!is_surely_float_with_dimensions(*node.input(0))) return;
  const jit::WithInsertPoint guard(&node);
  replace(node, insert_negative(*node.owningGraph(), node.input(0)));
}

/// other - value, as -1 * value + other.
void difference_as_sum(jit::Node& node, jit::Value* value, jit::Value* other) {
  const auto alpha = jit::toIValue(node.input(2));
  if (!alpha || !alpha->toScalar().equal(1)) return;
  jit::Graph& graph = *node.owningGraph();
  const jit::WithInsertPoint guard(&node);
  jit::Value* negative = insert_negative(graph, value);
  if (const auto number = number_of(*other)) other = insert_number(graph, *number);
  replace(node, graph.insert(c10::aten::add, {negative, other}));
}

/// A difference fuses behind what computes its first operand.
void fusable_difference(jit::Node& node) {
  jit::Value* first = node.input(0);
  jit::Value* second = node.input(1);
  const bool is_reversed = node.kind() == c10::aten::rsub;
  if (is_reversed) std::swap(first, second);
  if (!is_reversed && is_surely_float_with_dimensions(*first)) {
    scalar_as_tensor(node);
  } else if (is_surely_float_with_dimensions(*second)) {
    difference_as_sum(node, second, first);
  }
}

}  // namespace

void write_fusable_arithmetic(jit::Node& node) {
  if (node.outputs().size() != 1 || !is_tensor(*node.output())) return;
  switch (node.kind()) {
    case c10::aten::neg:
      negation_as_product(node);
      break;
    case c10::aten::sub:
    case c10::aten::rsub:
      if (node.inputs().size() == 3) fusable_difference(node);
      break;
    case c10::aten::add:
    case c10::aten::mul:
    case c10::aten::div:
      if (node.inputs().size() >= 2) scalar_as_tensor(node);
      break;
    default:
      break;
  }
}

}  // namespace int8graph
