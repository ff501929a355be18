#include "quantize/weight_quantization.h"

#include <ATen/ATen.h>

#include <stdexcept>
#include <string>

#include "config/entry_label.h"

namespace int8graph {

namespace {

/// Largest magnitudes: [channels], or [1] for the whole tensor.
at::Tensor largest_magnitudes(const at::Tensor& weight, const OperatorEntry& entry,
                              int64_t channel_axis) {
  const at::Tensor magnitudes = weight.to(at::kDouble).abs();
  if (entry.weight_granularity == WeightGranularity::PerTensor) return magnitudes.max().view({1});
  return magnitudes.transpose(0, channel_axis).flatten(1).amax(1);
}

at::Tensor scales_of(const OperatorEntry& entry, int64_t channels) {
  if (entry.weight_scales.size() != 1) {
    throw std::invalid_argument(label_of(entry) + ": weight_scales holds " +
                                std::to_string(entry.weight_scales.size()) +
                                " lists; the operator has one weight");
  }
  const auto& scales = entry.weight_scales.front();
  const bool per_tensor = entry.weight_granularity == WeightGranularity::PerTensor;
  const auto wanted = per_tensor ? size_t{1} : static_cast<size_t>(channels);
  if (scales.size() == 1) return at::full({static_cast<int64_t>(wanted)}, scales[0], at::kDouble);
  if (scales.size() != wanted) {
    throw std::invalid_argument(label_of(entry) + ": weight_scales holds " +
                                std::to_string(scales.size()) + " scales; its weight has " +
                                std::to_string(channels) +
                                " output channels and its weight_granularity is " +
                                (per_tensor ? "per_tensor" : "per_channel") + ", so " +
                                std::to_string(wanted) + " are accepted, or a single one");
  }
  return at::tensor(scales, at::kDouble);
}

}  // namespace

at::Tensor quantize_weight(const at::Tensor& calibrated, const at::Tensor& folded,
                           const OperatorEntry& entry, int64_t channel_axis,
                           const at::Tensor& zero_points) {
  if (folded.scalar_type() != at::kFloat) {
    throw std::invalid_argument(label_of(entry) + ": its weight is " +
                                c10::toString(folded.scalar_type()) +
                                "; Float is accepted: call float() on the model first");
  }
  at::Tensor scales = scales_of(entry, folded.size(channel_axis));
  if (!calibrated.is_same(folded)) {
    const at::Tensor before = largest_magnitudes(calibrated, entry, channel_axis);
    const at::Tensor after = largest_magnitudes(folded, entry, channel_axis);
    // A channel of zeros keeps its scale: any scale holds zeros.
    const at::Tensor usable = before.gt(0).logical_and(after.gt(0));
    scales = at::where(usable, scales * after / before, scales);
  }
  if (entry.weight_granularity == WeightGranularity::PerTensor) {
    return at::quantize_per_tensor(folded, scales.item<double>(), 0, at::kQInt8);
  }
  return at::quantize_per_channel(folded, scales, zero_points.narrow(0, 0, scales.size(0)),
                                  channel_axis, at::kQInt8);
}

}  // namespace int8graph
