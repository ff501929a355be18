#pragma once

#include <cstdint>
#include <optional>

#include "executor/epilogue.h"
#include "executor/layer_plan.h"
#include "executor/packed_weight.h"
#include "executor/tail.h"

namespace int8graph {

/// A layer that multiplies rows by a weight, made ready for gemm(): a linear one, or a pointwise
/// convolution, whose pixels are rows. It is the same for any number of rows.
struct Gemm {
  /// @param plan see can_be_gemm()
  /// @param channel_axis the weight's axis of output channels; the first other one has K
  explicit Gemm(const LayerPlan& plan, int64_t channel_axis = 0);

  /// Of a number of the result.
  int64_t result_bytes() const { return tail ? tail->result.bytes() : epilogue.result.bytes(); }

  int64_t inputs, outputs;  ///< K and N
  PackedWeight weight;      ///< [N / 64][K / 4][64][4], filled up with zeros, see gemm.cpp
  std::optional<Tail> tail;
  Epilogue epilogue;  ///< of what is before the tail
};

/// Whether the layer is for this: on a CPU with AVX512-VNNI and without AMX, which oneDNN has other
/// kernels for, of a multiple of four inputs, with nothing behind it but what an epilogue or a tail
/// knows.
bool can_be_gemm(const LayerPlan& plan, int64_t channel_axis = 0);

/// Some rows, each of which lies behind the one before.
struct GemmRows {
  int64_t count;
  const void* source;    ///< [count, K], u8 or s8
  const float* summand;  ///< [count, N] of the tail, may lie where the result will; null if none
  void* result;          ///< [count, N]; holds the epilogue's summand, where the layer has one
};

/// Multiplies them.
void gemm(const Gemm& layer, const GemmRows& rows);

/// How many rows are multiplied by all of the weight before the next ones are: what they read and
/// write stays in a cache.
int64_t rows_at_once(const Gemm& layer);

/// Multiplies them by this thread alone.
void gemm_on_this_thread(const Gemm& layer, const GemmRows& rows);

}  // namespace int8graph
