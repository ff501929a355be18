#pragma once

#include <cstdint>
#include <cstring>

#include "executor/result_form.h"
#include "executor/vnni_vectors.h"

namespace int8graph {

/// Up to 64 columns of a row, as numbers in up to four vectors, or as bytes in one.
struct ColumnBlock {
  static constexpr int64_t kLanes = 16;  // numbers in a vector
  static constexpr int64_t kVectors = 4;
  static constexpr int64_t kColumns = kLanes * kVectors;
  using Vectors = VnniVectors<kColumns>;

  /// Which of the columns there are.
  INT8GRAPH_INLINE_FOR_VNNI static __mmask64 mask(int64_t columns) {
    return static_cast<__mmask64>(~uint64_t{0} >> (kColumns - columns));
  }

  /// Of them, those in a vector of numbers.
  INT8GRAPH_INLINE_FOR_VNNI static __mmask16 mask(int64_t columns, int64_t vector) {
    return static_cast<__mmask16>(mask(columns) >> (vector * kLanes));
  }

  /// From the order of columns to that of packed numbers (see VnniVectors), and back.
  INT8GRAPH_INLINE_FOR_VNNI static __m512i reordered(const __m512i& bytes) {
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    return _mm512_maskz_permutexvar_epi32(kAll, order, bytes);
  }

  /// Writes numbers as the form says; floats that are NaN stay so.
  /// @tparam kUsed vectors, the last of which may be filled up
  template <int64_t kUsed>
  INT8GRAPH_INLINE_FOR_VNNI static void write(const __m512* numbers, int64_t columns,
                                              const ResultForm& form, uint8_t* result) {
    __m512 kept[kVectors] = {};
    const __m512 most = Vectors::fill(form.most);
#pragma GCC unroll 4
    for (int64_t v = 0; v < kUsed; ++v) kept[v] = Vectors::smaller(most, numbers[v]);
    if (form.writes_floats) {
      write_floats<kUsed>(kept, columns, form, result);
    } else {
      write_steps<kUsed>(kept, columns, form, result);
    }
  }

 private:
  template <int64_t kUsed>
  INT8GRAPH_INLINE_FOR_VNNI static void write_floats(const __m512* numbers, int64_t columns,
                                                     const ResultForm& form, uint8_t* result) {
    const __m512 least = Vectors::fill(form.least);
#pragma GCC unroll 4
    for (int64_t v = 0; v < kUsed; ++v) {
      _mm512_mask_storeu_ps(result + v * sizeof(__m512), mask(columns, v),
                            Vectors::larger(least, numbers[v]));
    }
  }

  /// Rounds them, too.
  template <int64_t kUsed>
  INT8GRAPH_INLINE_FOR_VNNI static void write_steps(const __m512* numbers, int64_t columns,
                                                    const ResultForm& form, uint8_t* result) {
    __m512i integers[kVectors] = {};
#pragma GCC unroll 4
    for (int64_t v = 0; v < kUsed; ++v) integers[v] = Vectors::to_integers(numbers[v]);
    const __m512i least = Vectors::fill(static_cast<uint8_t>(form.least));
    const __m512i bytes =
        reordered(Vectors::larger(Vectors::to_u8(integers), least)) ^ Vectors::fill(form.flip);
    if (columns == kUsed * kLanes) {
      std::memcpy(result, &bytes, kUsed * kLanes);
    } else {
      _mm512_mask_storeu_epi8(result, mask(columns), bytes);
    }
  }
};

}  // namespace int8graph
