#include "passes/mark_reduced_floats.h"

#include <ATen/core/Tensor.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>

#include <optional>
#include <string_view>

#include "ops/activations.h"
#include "ops/graph_edit.h"
#include "ops/graph_walk.h"
#include "ops/node_arguments.h"
#include "ops/operator_table.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

using Dtype = std::optional<c10::ScalarType>;

Dtype of_cast(const jit::Node& node) {
  if (node.kind() != c10::aten::to || node.inputs().size() < 2) return {};
  const auto dtype = constant_integer(node.input(1));
  if (!dtype || !c10::isReducedFloatingType(static_cast<c10::ScalarType>(*dtype))) return {};
  return static_cast<c10::ScalarType>(*dtype);
}

Dtype dtype_of(const jit::Value& value) {
  const auto constant = constant_tensor(&value);
  if (!constant) return reduced_float(value);
  return c10::isReducedFloatingType(constant->scalar_type()) ? Dtype(constant->scalar_type())
                                                             : std::nullopt;
}

/// The reduced dtype of all operands, if they have one in common.
Dtype common_dtype(jit::Node& node) {
  Dtype common;
  for (const ActivationUse& use : dtype_operands(node)) {
    const Dtype dtype = dtype_of(*use.value());
    if (!dtype || (common && common != dtype)) return {};
    common = dtype;
  }
  return common;
}

Dtype result_of(jit::Node& node) {
  if (const Dtype cast = of_cast(node)) return cast;
  // Of the lists that split and chunk make.
  if (node.kind() == c10::prim::ListUnpack) return result_of(*node.input()->node());
  const std::string_view symbol = node.kind().toQualString();
  const Operator* row = find_operator(symbol);
  const bool computes = row != nullptr && row->op_class != OpClass::Quantizer;
  return computes || is_generic_convolution(symbol) ? common_dtype(node) : Dtype{};
}

}  // namespace

void mark_reduced_floats(jit::Block& block) {
  for_each_node(block, [](jit::Node& node) {
    const Dtype dtype = result_of(node);
    if (!dtype) return;
    for (jit::Value* output : node.outputs()) {
      if (is_tensor(*output)) output->setType(c10::TensorType::get()->withScalarType(dtype));
    }
  });
}

}  // namespace int8graph
