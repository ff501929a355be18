#include "passes/split_projections.h"

#include <ATen/ATen.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>

#include <algorithm>
#include <optional>

#include "ops/graph_walk.h"
#include "ops/node_arguments.h"
#include "ops/operator_table.h"
#include "passes/packed_views.h"
#include "passes/parts.h"
#include "passes/quantizers.h"
#include "passes/writes.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

at::Tensor rows_of(const at::Tensor& weight, int64_t first, int64_t count) {
  const at::Tensor rows = weight.int_repr().narrow(0, first, count);
  if (weight.qscheme() == at::kPerTensorAffine) {
    return at::_make_per_tensor_quantized_tensor(rows, weight.q_scale(), weight.q_zero_point());
  }
  return at::_make_per_channel_quantized_tensor(
      rows, weight.q_per_channel_scales().narrow(0, first, count),
      weight.q_per_channel_zero_points().narrow(0, first, count), weight.q_per_channel_axis());
}

/// A constant int8 weight whose rows can be taken apart.
std::optional<at::Tensor> weight_of(const jit::Node& linear) {
  if (linear.input(1)->node()->kind() != c10::aten::dequantize) return {};
  auto weight = constant_tensor(linear.input(1));
  const bool by_rows =
      weight && (weight->qscheme() == at::kPerTensorAffine || weight->q_per_channel_axis() == 0);
  return by_rows ? weight : std::nullopt;
}

/// Whether the value, as a whole or in part, is quantized behind views.
bool is_quantized_later(const jit::Value& value) {
  return std::ranges::any_of(value.uses(), [](const jit::Use& use) {
    if (is_quantize(*use.user)) return true;
    return moves_elements(*use.user) && use.offset == 0 &&
           std::ranges::any_of(tensors_made_by(*use.user),
                               [](const jit::Value* made) { return is_quantized_later(*made); });
  });
}

bool split(jit::Node& linear, const WrittenValues& written) {
  const auto weight = weight_of(linear);
  const auto bias = constant_tensor(linear.input(2));
  if (!weight) return false;
  const bool has_known_bias =
      bias ? bias->dim() == 1 && bias->size(0) == weight->size(0) : linear.input(2)->mustBeNone();
  if (!has_known_bias) return false;
  const auto views = packed_views(linear, written);
  if (!views || std::ranges::none_of(views->parts, [](const PackedPart& part) {
        return is_quantized_later(*part.value);
      })) {
    return false;
  }
  jit::Graph& graph = *linear.owningGraph();
  for (const auto& [first, count, value] : views->parts) {
    const jit::WithInsertPoint guard(value->node());
    jit::Value* part =
        insert_dequantize(graph.insertConstant(rows_of(*weight, first, count)), value->node());
    jit::Value* summand =
        bias ? graph.insertConstant(bias->narrow(0, first, count).clone()) : linear.input(2);
    jit::Value* result = graph.insert(c10::aten::linear, {linear.input(0), part, summand});
    value->replaceAllUsesWith(views->rewrite(result, count));
  }
  return true;
}

}  // namespace

void split_projections(const std::shared_ptr<jit::Graph>& graph) {
  const WrittenValues written = written_values(*graph);
  bool changed = false;
  for_each_node(*graph->block(), [&](jit::Node& node) {
    if (node.kind() == c10::aten::linear) changed |= split(node, written);
  });
  if (changed) jit::EliminateDeadCode(graph);  // the packed layers
}

}  // namespace int8graph
