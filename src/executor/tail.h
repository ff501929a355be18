#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "executor/layer_plan.h"
#include "executor/result_form.h"

namespace int8graph {

/// What our own GEMM does to a layer's floats, where an epilogue is not enough:
///
///     number + summand  ->  gelu  ->  clamps  ->  floats, or steps of the result
///
/// It reads what the GEMM has just written, a few rows of 64 columns, which are in the L1 cache.
struct Tail {
  /// @param plan see can_be_tail()
  explicit Tail(const LayerPlan& plan);

  std::optional<size_t> summand;  ///< the partition's input that is added, f32
  bool has_gelu;
  float scale = 1, zero_point = 0;  ///< number * scale + zero_point is in the result's steps
  ResultForm result;
};

/// Whether nothing but a summand in fp32, GELU and clamps is behind the layer, in this order.
bool can_be_tail(const LayerPlan& plan);

/// The plan of what is before the tail, whose result is fp32.
LayerPlan before_tail(LayerPlan plan);

/// Some rows, and up to 64 of their columns.
struct TailRows {
  static constexpr int64_t kStride = 64;  ///< numbers from one row to the next

  const float* numbers;
  const float* summand;  ///< null if there is none; may lie where the result will
  int64_t summand_row;   ///< numbers from one row to the next
  uint8_t* result;
  int64_t result_row;  ///< bytes from one row to the next
  int64_t rows, columns;
};

/// On a CPU with AVX512-VNNI.
void finish(const Tail& tail, const TailRows& rows);

}  // namespace int8graph
