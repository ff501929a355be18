#pragma once

#include <ATen/quantized/Quantizer.h>

#include <cstdint>
#include <vector>

#include "executor/post_op.h"
#include "executor/weight_and_bias.h"

namespace int8graph {

/// Lets a layer compute in steps of its result's quantizer, so that kernels need not divide by its
/// scale and add its zero point (3 % of MobileNetV2's time):
///
///     (scale * sum(q * w) + bias) / result_scale + zero_point
///         =  (scale / result_scale) * sum(q * w)  +  (bias / result_scale + zero_point)
///
/// That is possible before sums, ReLU and clamps; a sum's scale and a clamp's limits become steps,
/// too. It is not before what is curved, or reads other tensors in fp32.
/// @param quantizer of the result; null for f32
/// @param channels of the result
/// @param source, layer, post_ops changed if it is possible
/// @returns whether it is
bool compute_in_steps(const at::QuantizerPtr& quantizer, int64_t channels,
                      QuantizerParameters& source, WeightAndBias& layer,
                      std::vector<PostOp>& post_ops);

}  // namespace int8graph
