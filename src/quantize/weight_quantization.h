#pragma once

#include <ATen/core/Tensor.h>

#include "int8graph/quant_conf.h"

namespace int8graph {

/// A weight as int8 (`torch.qint8`, symmetric), quantized as its entry says: one scale for each
/// index of `channel_axis`, or one in all.
///
/// The entry's scales belong to the weight as it was calibrated. Folding a batch norm or a constant
/// factor since may have changed it; a scale then keeps its ratio to the weight's largest
/// magnitude: scale' = scale * max|folded| / max|calibrated|, by channel or for the whole tensor.
/// @param zero_points int64 zeros, at least one for each channel. Symmetric weights need nothing
///   else, and a file holds them once where all weights share them.
/// @throws std::invalid_argument when the number of scales does not fit the weight, or it is not
///   of fp32.
at::Tensor quantize_weight(const at::Tensor& calibrated, const at::Tensor& folded,
                           const OperatorEntry& entry, int64_t channel_axis,
                           const at::Tensor& zero_points);

}  // namespace int8graph
