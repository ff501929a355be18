#include "executor/epilogue.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "executor/tensor_bridge.h"

namespace int8graph {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

bool is_clamp(const PostOp& op) {
  const bool has_limits = op.algorithm == dnnl::algorithm::eltwise_clip_v2 && op.alpha <= op.beta;
  return op.is_relu() || has_limits;
}

/// What makes numbers of that type unsigned when it is added.
int shift_of(c10::ScalarType dtype) {
  return dtype == c10::kQInt8 ? 128 : 0;
}

int shift_of(const QuantizerParameters& parameters) {
  return shift_of(static_cast<c10::ScalarType>(parameters.dtype));
}

}  // namespace

Epilogue::Epilogue(const ConvPlan& plan) : writes_floats(!plan.quantizer) {
  const int64_t channels = plan.output_channels();
  const int result_shift = shift_of(result_dtype(plan.quantizer));
  QuantizerParameters source = plan.source.parameters;
  WeightAndBias layer = plan.layer;
  source_flip = static_cast<uint8_t>(shift_of(source));
  result_flip = static_cast<uint8_t>(result_shift);
  source.zero_point += shift_of(source);
  fold_zero_point(source, layer, /*channel_axis=*/0);
  scales = layer.scales.mul(source.scale).expand({channels}).contiguous();
  biases = layer.bias.defined() ? layer.bias + result_shift : at::zeros({channels}, at::kFloat);

  double low = -kInfinity, high = kInfinity;
  for (const PostOp& op : plan.post_ops) {
    if (op.int8) {
      const QuantizerParameters& summand = op.int8->parameters;
      summand_scale = static_cast<float>(summand.scale);
      summand_flip = static_cast<uint8_t>(shift_of(summand));
      biases = biases - summand.scale * static_cast<double>(summand.zero_point + summand_flip);
    } else {
      const double least_left = op.is_relu() ? 0 : op.alpha;
      const double most_left = op.is_relu() ? kInfinity : op.beta;
      low = std::clamp(low, least_left, most_left);
      high = std::clamp(high, least_left, most_left);
    }
  }
  if (!writes_floats) {
    low = std::clamp(std::nearbyint(low + result_shift), 0.0, 255.0);
    high = std::clamp(high + result_shift, 0.0, 255.0);
  }
  least = static_cast<float>(low);
  most = static_cast<float>(high);
}

bool can_be_epilogue(const ConvPlan& plan) {
  if (plan.quantizer && !plan.in_steps) return false;
  const bool has_summand = !plan.post_ops.empty() && plan.post_ops.front().int8;
  return std::all_of(plan.post_ops.begin() + (has_summand ? 1 : 0), plan.post_ops.end(), is_clamp);
}

}  // namespace int8graph
