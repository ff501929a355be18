#include "passes/grow_region.h"

#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>

#include "ops/lowered_node.h"
#include "ops/op_properties.h"
#include "passes/candidates.h"
#include "passes/compute_region.h"
#include "passes/quantizers.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

Region pool_region(jit::Node& node, const LoweredOp& op, const Candidates& candidates) {
  jit::Node* activation = candidates.dequantize_of(*op.inputs[0]);
  jit::Node* quantize = candidates.quantizer_of(*node.output());
  if (activation == nullptr || quantize == nullptr) return {};
  return {activation, &node, quantize};
}

Region row_region(jit::Node& node, const Candidates& candidates) {
  jit::Node* quantize = candidates.quantizer_of(*node.output());
  if (quantize == nullptr || parameters_at(*quantize)->zero_point != 0) return {};
  return {&node, quantize};
}

Region concat_region(jit::Node& node, const LoweredOp& op, const Candidates& candidates) {
  jit::Node* quantize = candidates.quantizer_of(*node.output());
  if (quantize == nullptr || op.inputs.empty()) return {};
  Region region = {&node, quantize};
  for (jit::Value* operand : op.inputs) {
    jit::Node* dequantize = candidates.dequantize_of(*operand);
    if (dequantize == nullptr || parameters_at(*dequantize) != parameters_at(*quantize)) return {};
    region.push_back(dequantize);
  }
  std::ranges::sort(region, [](const auto* a, const auto* b) { return a->isBefore(b); });
  return region;
}

}  // namespace

Region grow_region(jit::Node& node, const std::unordered_set<const jit::Node*>& nodes) {
  const Candidates candidates(nodes);
  const auto op = lowered(node);
  if (!op) return {};
  if (is_compute(op->kind)) return grow_compute_region(node, *op, candidates);
  switch (op->kind) {
    case OpKind::AvgPool:
    case OpKind::MaxPool:
      return pool_region(node, *op, candidates);
    case OpKind::LayerNorm:
    case OpKind::SoftMax:
      return row_region(node, candidates);
    case OpKind::Concat:
      return concat_region(node, *op, candidates);
    default:
      return {};
  }
}

}  // namespace int8graph
