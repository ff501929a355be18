#include "passes/quantizers.h"

#include <ATen/ATen.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>
#include <string>

#include "ops/activations.h"
#include "ops/node_arguments.h"
#include "ops/operator_table.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

std::optional<QuantizerParameters> common_parameters(const jit::Node& list) {
  std::optional<QuantizerParameters> common;
  for (const jit::Value* element : list.inputs()) {
    const auto parameters = parameters_of(*element);
    if (!parameters || (common && *common != *parameters)) return {};
    common = parameters;
  }
  return common;
}

}  // namespace

c10::Symbol explicit_dequantize_symbol() {
  static const auto symbol = c10::Symbol::fromQualString("int8graph::dequantize");
  return symbol;
}

c10::Symbol channels_last_quantize_symbol() {
  static const auto symbol = c10::Symbol::fromQualString("int8graph::quantize_channels_last");
  return symbol;
}

bool is_quantize(const jit::Node& node) {
  return node.kind() == c10::aten::quantize_per_tensor ||
         node.kind() == channels_last_quantize_symbol();
}

bool is_quantizer(const jit::Node& node) {
  const Operator* row = find_operator(node);
  return row != nullptr && row->op_class == OpClass::Quantizer;
}

bool is_activation_dequantize(const jit::Node& node) {
  return node.kind() == c10::aten::dequantize && !constant_tensor(node.output());
}

bool computes_in_int8(jit::Node& node) {
  const Operator* row = find_operator(node);
  if (row == nullptr || !row->is_compute()) return false;
  const auto activations = activations_of(node, *row);
  return !activations.empty() && std::ranges::all_of(activations, [](const ActivationUse& use) {
    return is_activation_dequantize(*use.value()->node());
  });
}

std::optional<QuantizerParameters> parameters_at(const jit::Node& quantizer) {
  const auto scale = jit::toIValue(quantizer.input(1));
  const auto zero_point = jit::toIValue(quantizer.input(2));
  const auto dtype = jit::toIValue(quantizer.input(3));
  if (!scale || !scale->isDouble() || !zero_point || !zero_point->isInt() || !dtype) return {};
  return QuantizerParameters{scale->toDouble(), zero_point->toInt(), dtype->toInt()};
}

std::optional<QuantizerParameters> parameters_of(const jit::Value& quantized) {
  const jit::Node& producer = *quantized.node();
  if (is_quantize(producer)) return parameters_at(producer);
  if (producer.kind() == c10::aten::cat) {
    const jit::Node& list = *producer.input(0)->node();
    if (list.kind() == c10::prim::ListConstruct) return common_parameters(list);
    return {};
  }
  if (producer.kind() == c10::prim::ListUnpack) return parameters_of(*producer.input());
  const Operator* row = find_operator(producer);
  return row != nullptr && row->keeps_parameters() ? parameters_of(*producer.input(0))
                                                   : std::nullopt;
}

bool is_symmetric_int8(const QuantizerParameters& parameters) {
  return parameters.zero_point == 0 &&
         static_cast<c10::ScalarType>(parameters.dtype) == c10::kQInt8;
}

bool is_symmetric(const at::Tensor& quantized) {
  return quantized.qscheme() == at::kPerTensorAffine
             ? quantized.q_zero_point() == 0
             : !quantized.q_per_channel_zero_points().any().item<bool>();
}

jit::Value* insert_quantize(jit::Value* value, const QuantizerParameters& parameters,
                            jit::Node* before) {
  jit::Graph& graph = *before->owningGraph();
  const jit::WithInsertPoint guard(before);
  return graph.insert(c10::aten::quantize_per_tensor,
                      {value, parameters.scale, parameters.zero_point, parameters.dtype});
}

jit::Value* insert_dequantize(jit::Value* quantized, jit::Node* before) {
  const jit::WithInsertPoint guard(before);
  return before->owningGraph()->insert(c10::aten::dequantize, {quantized});
}

void read_int8_instead(jit::Node& node, size_t input) {
  const std::string name = std::string("int8graph::") + node.kind().toUnqualString();
  jit::Node* own = node.replaceWithNewSymbol(c10::Symbol::fromQualString(name));
  own->replaceInput(input, own->input(input)->node()->input(0));
  node.destroy();
}

}  // namespace int8graph
