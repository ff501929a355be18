#include "ops/float_values.h"

#include <torch/csrc/jit/ir/ir.h>

#include "ops/operator_table.h"

namespace int8graph {

bool is_surely_float(const torch::jit::Value& value) {
  const torch::jit::Node& node = *value.node();
  if (node.kind() == c10::aten::dequantize) return true;
  const Operator* row = find_operator(node);
  if (row == nullptr) return false;
  switch (row->op_class) {
    case OpClass::Conv:
    case OpClass::Linear:
    case OpClass::Norm:
    case OpClass::Average:
      return true;
    case OpClass::MatMul:  // of two tensors of one dtype
      return is_surely_float(*node.input(0)) || is_surely_float(*node.input(1));
    case OpClass::Add:
    case OpClass::Elementwise:
    case OpClass::Pool:
    case OpClass::Shape:
    case OpClass::View:
    case OpClass::Part:
      return is_surely_float(*node.input(0));
    default:
      return false;
  }
}

}  // namespace int8graph
