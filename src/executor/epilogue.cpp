#include "executor/epilogue.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <span>

#include "executor/tensor_bridge.h"

namespace int8graph {

namespace {

int shift_of(const QuantizerParameters& parameters) {
  return int8graph::shift_of(static_cast<c10::ScalarType>(parameters.dtype));
}

std::optional<QuantizerParameters> summand_of(const LayerPlan& plan) {
  if (plan.post_ops.empty() || !plan.post_ops.front().int8) return {};
  return plan.post_ops.front().int8->parameters;
}

std::span<const PostOp> behind_summand(const LayerPlan& plan) {
  return std::span(plan.post_ops).subspan(summand_of(plan) ? 1 : 0);
}

}  // namespace

Epilogue::Epilogue(const LayerPlan& plan, int64_t channel_axis)
    : result(plan.quantizer, limits_of(behind_summand(plan))) {
  const int64_t channels = plan.layer.weight.size(channel_axis);
  QuantizerParameters source = plan.source.parameters;
  WeightAndBias layer = plan.layer;
  source_flip = static_cast<uint8_t>(shift_of(source));
  source.zero_point += shift_of(source);
  fold_zero_point(source, layer, channel_axis);
  scales = layer.scales.mul(source.scale).expand({channels}).contiguous();
  biases = layer.bias.defined() ? layer.bias + result.flip : at::zeros({channels}, at::kFloat);
  if (const auto summand = summand_of(plan)) {
    summand_scale = static_cast<float>(summand->scale);
    summand_flip = static_cast<uint8_t>(shift_of(*summand));
    biases = biases - summand->scale * static_cast<double>(summand->zero_point + summand_flip);
  }
}

bool can_be_epilogue(const LayerPlan& plan) {
  if (plan.quantizer && !plan.in_steps) return false;
  return std::ranges::all_of(behind_summand(plan), is_clamp);
}

}  // namespace int8graph
