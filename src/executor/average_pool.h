#pragma once

#include <ATen/core/Tensor.h>

namespace int8graph {

/// aten::adaptive_avg_pool1d, 2d or 3d, as `output_size` has that many numbers, of dequantized
/// values: f32, contiguous, rounded once, as sums of integers are exact.
/// @param quantized `quint8` or `qint8` per tensor, [N, C, ...] or [C, ...]. Read as it lies where
///   its channels are side by side.
/// @throws c10::Error if its rank is another one, or if it has no pixels.
at::Tensor int8_adaptive_avg_pool(const at::Tensor& quantized, at::IntArrayRef output_size);

}  // namespace int8graph
