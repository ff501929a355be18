#pragma once

#include <ATen/core/Tensor.h>

#include <tuple>

namespace int8graph {

/// aten::layer_norm over the last dimension, and what aten::quantize_per_tensor makes of it, in one
/// pass over each row:
///
///     y = (x - mean) / sqrt(variance + eps) * weight + bias
///     q = round(y / scale + zero_point), half to even, within the dtype
///
/// By PyTorch's operators where a tensor is not f32, for rows of fewer than 16 numbers, on CPUs
/// without AVX2 and FMA, and where the compiler was not GCC 12 or newer.
/// @param x f32 [..., C]
/// @param shape {C}
/// @param weight, bias f32 [C]
/// @param dtype kQUInt8 or kQInt8
/// @throws c10::Error as aten::layer_norm does, if shapes don't fit
/// @returns q; its values may be one off PyTorch's where y / scale is close to a half
///
/// 128 rows of 768 numbers: 26 us, and 29 with y; by PyTorch's two operators 43 to 61 (AVX512).
at::Tensor quantized_layer_norm(const at::Tensor& x, at::IntArrayRef shape,
                                const at::Tensor& weight, const at::Tensor& bias, double eps,
                                double scale, int64_t zero_point, int64_t dtype);

/// The same, and y, f32, for those who go on with it.
/// @returns y and q
std::tuple<at::Tensor, at::Tensor> layer_norm_and_quantized(
    const at::Tensor& x, at::IntArrayRef shape, const at::Tensor& weight, const at::Tensor& bias,
    double eps, double scale, int64_t zero_point, int64_t dtype);

}  // namespace int8graph
