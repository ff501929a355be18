#include "executor/softmax_rows.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <array>
#include <limits>

#include "executor/float_vectors.h"
#include "executor/parallel.h"

namespace int8graph {

bool has_fast_softmax() {
  return INT8GRAPH_CPU_IS_NEWER;
}

#ifndef INT8GRAPH_HAS_NEWER_CPUS

void softmax_rows(float*, int64_t, int64_t, double, c10::ScalarType, void*) {
  TORCH_INTERNAL_ASSERT(false, "softmax_rows() needs GCC 12 or newer");
}

#else

namespace {

constexpr float kLog2OfE = 1.44269504F;
constexpr float kNone = -std::numeric_limits<float>::infinity();

/// How probabilities become integers.
struct Steps {
  float in_one;  ///< 1 / scale
  float most;    ///< of the dtype
};

/// x becomes exp(x - largest): 2^n * 2^r, n an integer and r at most a half. The polynomial,
/// of least squares, is 2^r to 3e-7 of it: 0.0001 of 255 steps.
[[gnu::always_inline]] inline void exponential(Floats& x, float largest) {
  Floats y = (x - largest) * kLog2OfE;  // in this order, as largest may be -FLT_MAX
  keep_larger(y, Floats{} - 100.0F);    // nothing beside 1, and its reciprocal is finite
  const Floats shifted = y + kToInteger;
  const Floats r = y - (shifted - kToInteger);
  Floats power = r * 1.3264e-3F + 9.6701e-3F;
  power = power * r + 5.5507e-2F;
  power = power * r + 2.40222e-1F;
  power = power * r + 6.931469e-1F;
  power = power * r + 1.0F;
  x = reinterpret_cast<Floats>(reinterpret_cast<Integers>(power) +
                               (reinterpret_cast<Integers>(shifted) << 23));
}

[[gnu::always_inline]] inline void quantize(const Floats& numbers, float factor, float most,
                                            uint8_t* bytes) {
  Floats steps = numbers * factor;
  steps = steps < most ? steps : Floats{} + most;
  write_integers(steps, bytes);
}

/// Rows of at least kLanes numbers. Those at the end that fill no vector are read with some before
/// them, which count as none there, and are written first: what follows writes these right.
INT8GRAPH_FOR_NEWER_CPUS void softmax(float* scores, int64_t rows, int64_t length,
                                      const Steps& of_all_rows, uint8_t* bytes) {
  const Steps steps = of_all_rows;  // nobody points to it: bytes written might be any object's
  const int64_t whole = length / kLanes * kLanes;
  const bool has_rest = whole < length;
  const Integers is_rest = lane_numbers() >= static_cast<int32_t>(whole + kLanes - length);
  const Floats none = Floats{} + kNone;
  for (int64_t row = 0; row < rows; ++row, scores += length, bytes += length) {
    Floats rest = none;
    if (has_rest) {
      read(rest, scores + length - kLanes);
      rest = is_rest ? rest : none;
    }
    Floats x;
    Floats largests = rest;
    for (int64_t i = 0; i < whole; i += kLanes) {
      read(x, scores + i);
      keep_larger(largests, x);
    }
    const float largest = largest_of(largests);
    Floats sum = {};
    if (has_rest) {
      exponential(rest, largest);
      rest = is_rest ? rest : Floats{};
      sum = rest;
    }
    for (int64_t i = 0; i < whole; i += kLanes) {
      read(x, scores + i);
      exponential(x, largest);
      sum += x;
      write(x, scores + i);
    }
    const float factor = largest == kNone ? 0.0F : steps.in_one / sum_of(sum);
    if (has_rest) quantize(rest, factor, steps.most, bytes + length - kLanes);
    for (int64_t i = 0; i < whole; i += kLanes) {
      read(x, scores + i);
      quantize(x, factor, steps.most, bytes + i);
    }
  }
}

/// Shorter rows, each with none behind its numbers.
void softmax_of_short_rows(const float* scores, int64_t rows, int64_t length, const Steps& steps,
                           uint8_t* bytes) {
  std::array<float, kLanes> row;
  std::array<uint8_t, kLanes> result;
  for (int64_t i = 0; i < rows; ++i, scores += length, bytes += length) {
    row.fill(kNone);
    std::copy_n(scores, length, row.data());
    softmax(row.data(), 1, kLanes, steps, result.data());
    std::copy_n(result.data(), length, bytes);
  }
}

}  // namespace

void softmax_rows(float* scores, int64_t rows, int64_t length, double scale, c10::ScalarType dtype,
                  void* result) {
  if (length == 0) return;
  const Steps steps = {.in_one = 1.0F / static_cast<float>(scale),
                       .most = dtype == c10::kQUInt8 ? 255.0F : 127.0F};
  const int64_t cost = 4 * length;  // an exponential takes as long as some numbers that are read
  parallel_for(rows, cost, [&](int64_t first, int64_t last) {
    float* from = scores + first * length;
    uint8_t* to = static_cast<uint8_t*>(result) + first * length;
    if (length < kLanes) return softmax_of_short_rows(from, last - first, length, steps, to);
    softmax(from, last - first, length, steps, to);
  });
}

#endif

}  // namespace int8graph
