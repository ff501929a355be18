#include "executor/result_form.h"

#include <algorithm>
#include <cmath>

#include "executor/tensor_bridge.h"

namespace int8graph {

bool is_clamp(const PostOp& op) {
  const bool has_limits = op.algorithm == dnnl::algorithm::eltwise_clip_v2 && op.alpha <= op.beta;
  return op.is_relu() || has_limits;
}

Limits limits_of(std::span<const PostOp> clamps) {
  Limits limits;
  for (const PostOp& op : clamps) {
    const double least = op.is_relu() ? 0 : op.alpha;
    const double most = op.is_relu() ? std::numeric_limits<double>::infinity() : op.beta;
    limits.least = std::clamp(limits.least, least, most);
    limits.most = std::clamp(limits.most, least, most);
  }
  return limits;
}

ResultForm::ResultForm(const at::QuantizerPtr& quantizer, Limits limits)
    : writes_floats(!quantizer) {
  const int shift = shift_of(result_dtype(quantizer));
  if (!writes_floats) {
    limits.least = std::clamp(std::nearbyint(limits.least + shift), 0.0, 255.0);
    limits.most = std::clamp(limits.most + shift, 0.0, 255.0);
  }
  least = static_cast<float>(limits.least);
  most = static_cast<float>(limits.most);
  flip = static_cast<uint8_t>(shift);
}

int shift_of(c10::ScalarType dtype) {
  return dtype == c10::kQInt8 ? 128 : 0;
}

}  // namespace int8graph
