#pragma once

#include "executor/newer_cpus.h"

#ifdef INT8GRAPH_HAS_NEWER_CPUS

#include <cstdint>
#include <cstring>

namespace int8graph {

/// GCC's vectors, which become those of the CPU that a function is built for. By reference, as they
/// are passed in other ways on other CPUs.
inline constexpr int64_t kLanes = 16;
using Floats = float __attribute__((vector_size(kLanes * sizeof(float))));
using Integers = int32_t __attribute__((vector_size(kLanes * sizeof(int32_t))));
using Bytes = uint8_t __attribute__((vector_size(kLanes)));

[[gnu::always_inline]] inline void read(Floats& to, const float* from) {
  std::memcpy(&to, from, sizeof to);
}

[[gnu::always_inline]] inline void write(const Floats& from, float* to) {
  std::memcpy(to, &from, sizeof from);
}

[[gnu::always_inline]] inline const Integers& lane_numbers() {
  static constexpr Integers kNumbers = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return kNumbers;
}

[[gnu::always_inline]] inline void keep_larger(Floats& a, const Floats& b) {
  a = a > b ? a : b;
}

[[gnu::always_inline]] inline float largest_of(Floats& lanes) {
  for (int32_t half = kLanes / 2; half > 0; half /= 2) {
    keep_larger(lanes, __builtin_shuffle(lanes, lane_numbers() ^ half));
  }
  return lanes[0];
}

[[gnu::always_inline]] inline float sum_of(Floats& lanes) {
  for (int32_t half = kLanes / 2; half > 0; half /= 2) {
    lanes += __builtin_shuffle(lanes, lane_numbers() ^ half);
  }
  return lanes[0];
}

/// The low bytes of the nearest integers, even if between two.
/// @param numbers small ones, or NaN, which becomes any byte
[[gnu::always_inline]] inline void write_integers(const Floats& numbers, uint8_t* bytes) {
  const Integers integers = reinterpret_cast<Integers>(numbers + kToInteger) & 255;
  const Bytes result = __builtin_convertvector(integers, Bytes);
  std::memcpy(bytes, &result, sizeof result);
}

}  // namespace int8graph

#endif
