#include "ops/activations.h"

#include <ATen/core/Tensor.h>
#include <torch/csrc/jit/ir/ir.h>

#include "ops/attached_nodes.h"
#include "ops/graph_edit.h"
#include "ops/node_arguments.h"
#include "ops/operator_table.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

bool is_activation(const jit::Value& value) {
  const auto type = value.type()->cast<c10::TensorType>();
  if (!type) return false;
  if (const auto constant = constant_tensor(&value)) return constant->dim() > 0;
  return type->dim() != size_t{0};
}

/// Whether the input is the weight of a norm, or a mask.
bool has_no_say(const jit::Node& node, size_t input) {
  switch (node.kind()) {
    case c10::aten::batch_norm:
    case c10::aten::group_norm:
    case c10::aten::layer_norm:
      return input > 0;
    case c10::aten::masked_fill:
      return input == 1;
    case c10::aten::where:
      return input == 0;
    default:
      return false;
  }
}

}  // namespace

jit::Value* ActivationUse::value() const {
  return reader->input(offset);
}

std::vector<ActivationUse> activations_of(jit::Node& node, const Operator& row) {
  std::vector<ActivationUse> uses;
  for (const size_t argument : row.activations) {
    if (argument >= node.inputs().size()) continue;
    jit::Node* producer = node.input(argument)->node();
    if (is_attached(*producer) && producer->kind() == c10::aten::pad) {
      // Zeros are exact in int8, so the quantizer stands before the padding.
      uses.push_back({producer, 0});
    } else if (producer->kind() == c10::prim::ListConstruct) {
      for (size_t i = 0; i < producer->inputs().size(); ++i) {
        if (is_activation(*producer->input(i))) uses.push_back({producer, i});
      }
    } else if (is_activation(*node.input(argument))) {
      uses.push_back({&node, argument});
    }
  }
  return uses;
}

std::vector<ActivationUse> tensors_read_by(jit::Node& node) {
  std::vector<ActivationUse> uses;
  for (size_t i = 0; i < node.inputs().size(); ++i) {
    jit::Node& producer = *node.input(i)->node();
    if (is_attached(producer)) {
      const auto inner = tensors_read_by(producer);
      uses.insert(uses.end(), inner.begin(), inner.end());
    } else if (is_tensor(*node.input(i))) {
      uses.push_back({&node, i});
    }
  }
  return uses;
}

std::vector<ActivationUse> dtype_operands(jit::Node& node) {
  auto uses = tensors_read_by(node);
  std::erase_if(uses, [&](const ActivationUse& use) {
    return !is_activation(*use.value()) || (use.reader == &node && has_no_say(node, use.offset));
  });
  return uses;
}

}  // namespace int8graph
