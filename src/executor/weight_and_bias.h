#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

#include "executor/quantized_input.h"
#include "ops/lowered_op.h"

namespace int8graph {

/// The weight and bias of a convolution or a linear layer.
struct WeightAndBias {
  at::Tensor weight;  ///< qint8, symmetric
  at::Tensor scales;  ///< f32: one for each output channel, or [1] per tensor
  at::Tensor bias;    ///< f32, one for each output channel; undefined if there is none
};

/// Weight and bias among the inputs of a compute operation; nothing if they are not constants of
/// the dtypes above.
/// @param channel_axis the weight's axis of output channels
std::optional<WeightAndBias> weight_and_bias_of(const LoweredOp& compute, int64_t channel_axis);

/// Moves the source's zero point into the bias, which saves kernels a step for each result (1 to
/// 4 % of a linear layer's time, up to 18 % of a 1x1 convolution's of few channels):
///
///     scale * sum((q - zero_point) * w) + bias
///         =  scale * sum(q * w)  +  (bias - scale * zero_point * sum(w))
///
/// Only for layers each of whose results sums over all of a channel's weights: not for a transposed
/// convolution, or oneDNN's with padding, which leaves some out. Our own kernels multiply padding,
/// too (executor/epilogue.h).
/// @param channel_axis the weight's axis of output channels
void fold_zero_point(QuantizerParameters& source, WeightAndBias& layer, int64_t channel_axis);

}  // namespace int8graph
