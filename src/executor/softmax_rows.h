#pragma once

#include <c10/core/ScalarType.h>

#include <cstdint>

namespace int8graph {

/// Whether softmax_rows() is made of vectors on this CPU, and by this compiler. Then it is faster
/// than oneDNN 3.2's primitive: 84 us and 132 for 1,536 rows of 128 scores, 190 and 350 for 2,364
/// of 197 (AVX512). Attention's softmax runs in int8 on CPUs with AVX512 alone (cpu_limits.h).
bool has_fast_softmax();

/// The softmax of each row, quantized with zero point 0:
///
///     round(exp(x - largest) / sum(exp(x - largest)) / scale), half to even, at most 255 or 127
///
/// A row of -inf alone, which has no softmax, becomes zeros, as in PyTorch's scaled dot product
/// attention. One with NaN or +inf, which has none either, may become any numbers.
/// @param scores f32 [rows, length], overwritten
/// @param dtype of the result, kQUInt8 or kQInt8
/// @param result bytes [rows, length]
void softmax_rows(float* scores, int64_t rows, int64_t length, double scale, c10::ScalarType dtype,
                  void* result);

}  // namespace int8graph
