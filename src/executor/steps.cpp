#include "executor/steps.h"

#include <ATen/ATen.h>

#include <optional>

#include "executor/tensor_bridge.h"

namespace int8graph {

using dnnl::algorithm;

namespace {

/// The post-op on numbers that are divided by `scale`, to which `zero_point` is added; nothing if
/// there is none.
std::optional<PostOp> in_steps(PostOp op, float scale, float zero_point) {
  if (op.int8) {
    op.int8->parameters.scale /= scale;
    return op;
  }
  if (op.reads_another_tensor() || op.is_prelu()) return {};
  if (op.is_relu()) return zero_point == 0 ? std::optional(op) : std::nullopt;
  if (op.algorithm != algorithm::eltwise_clip_v2) return {};
  op.alpha = op.alpha / scale + zero_point;
  op.beta = op.beta / scale + zero_point;
  return op;
}

}  // namespace

bool compute_in_steps(const at::QuantizerPtr& quantizer, int64_t channels,
                      QuantizerParameters& source, WeightAndBias& layer,
                      std::vector<PostOp>& post_ops) {
  if (!quantizer) return false;
  const auto& parameters = per_tensor(quantizer);
  const double scale = parameters.scale();
  const auto zero_point = static_cast<double>(parameters.zero_point());
  std::vector<PostOp> changed;
  for (const PostOp& op : post_ops) {
    auto step = in_steps(op, static_cast<float>(scale), static_cast<float>(zero_point));
    if (!step) return false;
    changed.push_back(*std::move(step));
  }
  const auto in_fp32 = [](const at::Tensor& numbers) { return numbers.to(at::kFloat); };
  const at::Tensor scales = in_fp32(layer.scales.to(at::kDouble) * (source.scale / scale));
  at::Tensor bias = layer.bias.defined() ? layer.bias.to(at::kDouble) / scale
                                         : at::zeros({channels}, at::kDouble);
  bias = in_fp32(bias + zero_point);
  if (!at::isfinite(scales).all().item<bool>() || !at::isfinite(bias).all().item<bool>()) {
    return false;
  }
  source.scale = 1;
  layer.scales = scales;
  layer.bias = bias;
  post_ops = std::move(changed);
  return true;
}

}  // namespace int8graph
