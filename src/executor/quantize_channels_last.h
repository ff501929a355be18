#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/ScalarType.h>

#include <cstdint>

namespace int8graph {

/// aten::quantize_per_tensor, which takes fp32 alone, of reduced floats, too.
at::Tensor quantize_any_float(const at::Tensor& values, double scale, int64_t zero_point,
                              c10::ScalarType dtype);

/// aten::quantize_per_tensor, to the same numbers, whose result has its channels side by side where
/// a few of them (4 at most: those of images) lie apart in `values`, [N, C, ...] and contiguous.
/// All other tensors are quantized as they lie, reduced floats, too, and all on CPUs without AVX2
/// and FMA, or where the compiler was not GCC 12 or newer.
/// @param dtype kQUInt8 or kQInt8
///
/// In one step, as quantizing and then turning 3 x 224 x 224 numbers takes twice as long: 55 + 47
/// and 59 us, on a CPU with AVX2. oneDNN's reorder from fp32 takes 166.
at::Tensor quantize_channels_last(const at::Tensor& values, double scale, int64_t zero_point,
                                  int64_t dtype);

}  // namespace int8graph
