#pragma once

#include <immintrin.h>

#include <cstdint>

namespace int8graph {

/// Marks functions for CPUs with AVX512-VNNI, which the library as a whole is not built for. What
/// they call is marked so, too; lambdas can't be.
#define INT8GRAPH_FOR_VNNI __attribute__((target("avx512bw,avx512vl,avx512vnni,fma")))
#define INT8GRAPH_INLINE_FOR_VNNI \
  __attribute__((target("avx512bw,avx512vl,avx512vnni,fma"), always_inline)) inline

/// Unrolls loops over arrays of vectors, which then lie in registers.
#ifdef __clang__
#define INT8GRAPH_UNROLLED
#else
#define INT8GRAPH_UNROLLED __attribute__((optimize("O3")))
#endif

/// Vectors of a byte for each of 64, 32 or 16 channels, and of 32-bit numbers for a quarter of
/// them. (What GCC's operators do for both is not here.)
///
/// x86 takes bytes apart and puts them together within 128 bits. So the four vectors of numbers
/// that belong to one of bytes have its channels in this order, and so on in steps of 16:
///
///     first    0  1  2  3   16 17 18 19  ...        third    8  9 10 11   24 25 26 27  ...
///     second   4  5  6  7   20 21 22 23  ...        fourth  12 13 14 15   28 29 30 31  ...
template <int64_t kChannels>
struct VnniVectors;

/// Of a vector's elements. What has a mask has no warning, as GCC 12's intrinsics without one read
/// what they leave uninitialised (its bug 105593).
inline constexpr int kAll = -1;

#define INT8GRAPH_VNNI_VECTORS(CHANNELS, BITS, PREFIX)                                   \
  template <>                                                                            \
  struct VnniVectors<CHANNELS> {                                                         \
    using Bytes = __m##BITS##i;                                                          \
    using Floats = __m##BITS;                                                            \
                                                                                         \
    INT8GRAPH_INLINE_FOR_VNNI static Bytes fill(uint8_t byte) {                          \
      return PREFIX##_set1_epi8(static_cast<char>(byte));                                \
    }                                                                                    \
    INT8GRAPH_INLINE_FOR_VNNI static Floats fill(float number) {                         \
      return PREFIX##_set1_ps(number);                                                   \
    }                                                                                    \
    /* a0 b0 a1 b1 ... of the first or second half of each 128 bits */                   \
    INT8GRAPH_INLINE_FOR_VNNI static Bytes low_bytes(Bytes a, Bytes b) {                 \
      return PREFIX##_unpacklo_epi8(a, b);                                               \
    }                                                                                    \
    INT8GRAPH_INLINE_FOR_VNNI static Bytes high_bytes(Bytes a, Bytes b) {                \
      return PREFIX##_unpackhi_epi8(a, b);                                               \
    }                                                                                    \
    INT8GRAPH_INLINE_FOR_VNNI static Bytes low_pairs(Bytes a, Bytes b) {                 \
      return PREFIX##_unpacklo_epi16(a, b);                                              \
    }                                                                                    \
    INT8GRAPH_INLINE_FOR_VNNI static Bytes high_pairs(Bytes a, Bytes b) {                \
      return PREFIX##_unpackhi_epi16(a, b);                                              \
    }                                                                                    \
    /* sum + four products of unsigned and signed bytes */                               \
    INT8GRAPH_INLINE_FOR_VNNI static Bytes add_products(Bytes sum, Bytes a, Bytes b) {   \
      return PREFIX##_dpbusd_epi32(sum, a, b);                                           \
    }                                                                                    \
    INT8GRAPH_INLINE_FOR_VNNI static Floats multiply_add(Floats a, Floats b, Floats c) { \
      return PREFIX##_fmadd_ps(a, b, c);                                                 \
    }                                                                                    \
    INT8GRAPH_INLINE_FOR_VNNI static Floats to_floats(Bytes integers) {                  \
      return PREFIX##_maskz_cvtepi32_ps(kAll, integers);                                 \
    }                                                                                    \
    /* the nearest integers, even if between two */                                      \
    INT8GRAPH_INLINE_FOR_VNNI static Bytes to_integers(Floats numbers) {                 \
      return PREFIX##_maskz_cvtps_epi32(kAll, numbers);                                  \
    }                                                                                    \
    /* b where one of them is NaN */                                                     \
    INT8GRAPH_INLINE_FOR_VNNI static Floats smaller(Floats a, Floats b) {                \
      return PREFIX##_maskz_min_ps(kAll, a, b);                                          \
    }                                                                                    \
    INT8GRAPH_INLINE_FOR_VNNI static Floats larger(Floats a, Floats b) {                 \
      return PREFIX##_maskz_max_ps(kAll, a, b);                                          \
    }                                                                                    \
    /* four vectors of integers in one of 0 to 255 */                                    \
    INT8GRAPH_INLINE_FOR_VNNI static Bytes to_u8(const Bytes* integers) {                \
      return PREFIX##_packus_epi16(PREFIX##_packs_epi32(integers[0], integers[1]),       \
                                   PREFIX##_packs_epi32(integers[2], integers[3]));      \
    }                                                                                    \
    INT8GRAPH_INLINE_FOR_VNNI static Bytes larger(Bytes a, Bytes b) {                    \
      return PREFIX##_max_epu8(a, b);                                                    \
    }                                                                                    \
  }

INT8GRAPH_VNNI_VECTORS(64, 512, _mm512);
INT8GRAPH_VNNI_VECTORS(32, 256, _mm256);
INT8GRAPH_VNNI_VECTORS(16, 128, _mm);
#undef INT8GRAPH_VNNI_VECTORS

}  // namespace int8graph
