#include "passes/masks_as_sums.h"

#include <ATen/core/Tensor.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>
#include <optional>

#include "ops/graph_edit.h"
#include "ops/graph_walk.h"
#include "ops/operator_table.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

constexpr double kLargestMasked = -1e12;

/// The number that masked scores become, if it is one that leaves no probability.
std::optional<double> masking_number(const jit::Value& value) {
  const auto constant = jit::toIValue(&value);
  if (!constant) return {};
  double number = 0;
  if (constant->isTensor()) {
    const at::Tensor& tensor = constant->toTensor();
    if (tensor.dim() != 0 || !tensor.is_floating_point()) return {};
    number = tensor.item<double>();
  } else if (constant->isScalar()) {
    number = constant->toScalar().toDouble();
  }
  return number <= kLargestMasked ? std::optional(number) : std::nullopt;
}

/// Whether the scores come out of a product, so that a sum fuses with it.
bool is_behind_product(const jit::Value& scores) {
  const Operator* row = find_operator(*scores.node());
  if (row == nullptr || scores.uses().size() != 1) return false;
  if (row->op_class == OpClass::MatMul) return true;
  return row->op_class == OpClass::Elementwise && is_behind_product(*scores.node()->input(0));
}

bool is_read_by_softmax_alone(const jit::Value& value) {
  return value.uses().size() == 1 && value.uses().front().user->kind() == c10::aten::softmax;
}

/// `number` where the mask is `masked`, and 0 elsewhere, is added to the scores.
void write_as_sum(jit::Node& node, jit::Value* scores, jit::Value* mask, double number,
                  bool masked) {
  jit::Graph& graph = *node.owningGraph();
  const jit::WithInsertPoint guard(&node);
  jit::Value* summand =
      graph.insert(c10::aten::where, {mask, masked ? number : 0.0, masked ? 0.0 : number});
  replace(node, graph.insert(c10::aten::add, {scores, summand}));
}

void write_mask(jit::Node& node) {
  const bool fills = node.kind() == c10::aten::masked_fill;
  const bool chooses = node.kind() == c10::aten::where && node.inputs().size() == 3;
  if (!fills && !chooses) return;
  jit::Value* scores = node.input(fills ? 0 : 1);
  jit::Value* mask = node.input(fills ? 1 : 0);
  const auto number = masking_number(*node.input(2));
  if (!number || !is_behind_product(*scores) || !is_read_by_softmax_alone(*node.output())) return;
  write_as_sum(node, scores, mask, *number, fills);
}

}  // namespace

void write_masks_as_sums(jit::Block& block) {
  for_each_node(block, write_mask);
}

}  // namespace int8graph
