#include "executor/weight_and_bias.h"

#include <ATen/ATen.h>

#include <numeric>

#include "executor/newer_cpus.h"
#include "ops/node_arguments.h"
#include "ops/op_properties.h"

namespace int8graph {

namespace {

/// One for each output channel, or one for all; nothing if they belong to another axis.
std::optional<at::Tensor> scales_of(const at::Tensor& weight, int64_t channel_axis) {
  if (weight.qscheme() == at::kPerTensorAffine) {
    return at::full({1}, weight.q_scale(), at::kFloat);
  }
  if (weight.q_per_channel_axis() != channel_axis) return {};
  return weight.q_per_channel_scales().to(at::kFloat).contiguous();
}

INT8GRAPH_FOR_NEWER_CPUS int32_t sum_of(const int8_t* numbers, int64_t count) {
  return std::accumulate(numbers, numbers + count, int32_t{0});
}

/// The sums of each output channel's integers, f64 [channels], in which they are exact.
at::Tensor channel_sums(const at::Tensor& weight, int64_t channel_axis) {
  const int64_t channels = weight.size(channel_axis);
  at::Tensor sums = at::zeros({channels}, at::kDouble);
  if (weight.numel() == 0) return sums;
  // Most weights have the numbers of a channel side by side, in whatever order; no copy of them.
  const int64_t count = weight.numel() / channels;
  const bool has_channels_apart =
      weight.is_non_overlapping_and_dense() && weight.stride(channel_axis) == count;
  const at::Tensor rows =
      has_channels_apart ? weight : weight.int_repr().movedim(channel_axis, 0).contiguous();
  const auto* numbers = static_cast<const int8_t*>(rows.const_data_ptr());
  for (int64_t channel = 0; channel < channels; ++channel, numbers += count) {
    sums.data_ptr<double>()[channel] = sum_of(numbers, count);
  }
  return sums;
}

}  // namespace

std::optional<WeightAndBias> weight_and_bias_of(const LoweredOp& compute, int64_t channel_axis) {
  const auto weight = constant_tensor(compute.inputs[1]);
  if (!weight || weight->scalar_type() != c10::kQInt8 || !is_symmetric(*weight)) return {};
  const auto scales = scales_of(*weight, channel_axis);
  if (!scales) return {};
  WeightAndBias result{*weight, *scales, {}};
  if (compute.inputs.size() > 2) {
    const auto bias = constant_tensor(compute.inputs[2]);
    if (!bias || bias->scalar_type() != c10::kFloat || bias->dim() != 1 ||
        bias->numel() != output_channels(compute)) {
      return {};
    }
    result.bias = bias->contiguous();
  }
  return result;
}

void fold_zero_point(QuantizerParameters& source, WeightAndBias& layer, int64_t channel_axis) {
  if (source.zero_point == 0) return;
  const double factor = source.scale * static_cast<double>(source.zero_point);
  at::Tensor bias = channel_sums(layer.weight, channel_axis).mul_(-factor).mul_(layer.scales);
  if (layer.bias.defined()) bias.add_(layer.bias);
  layer.bias = bias.to(at::kFloat);
  source.zero_point = 0;
}

}  // namespace int8graph
