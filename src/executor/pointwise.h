#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "executor/conv_plan.h"
#include "executor/epilogue.h"
#include "executor/packed_weight.h"

namespace int8graph {

/// A pointwise convolution, made ready for pointwise(): a kernel of one element, so that pixels are
/// rows of a matrix that the weight multiplies.
struct PointwiseLayer {
  /// @param plan see can_be_pointwise()
  explicit PointwiseLayer(const ConvPlan& plan);

  int64_t inputs, outputs;  ///< channels
  PackedWeight weight;      ///< [N / 64][K / 4][64][4], filled up with zeros, see pointwise.cpp
  Epilogue epilogue;
};

/// Whether the layer is for this: on a CPU with AVX512-VNNI and without AMX, which oneDNN has other
/// kernels for, of a multiple of four input channels, in steps of 1 (behind what
/// ConvPlan::subsampling picks), without padding and groups, with nothing but a summand in int8 and
/// clamps behind it.
bool can_be_pointwise(const ConvPlan& plan);

/// Writes the convolution.
/// @param source [N, C, ...], channels-last and dense, `quint8` or `qint8`
/// @param result likewise, or fp32, of as many pixels; holds the summand, where the layer has one
void pointwise(const PointwiseLayer& layer, const at::Tensor& source, const at::Tensor& result);

/// How many pixels are multiplied by all of the weight before the next ones are: what they read and
/// write stays in a cache.
int64_t pixels_at_once(const PointwiseLayer& layer);

/// Writes the convolution of some pixels, by this thread alone.
/// @param source [pixels, inputs]
/// @param result [pixels, outputs]
void pointwise_rows(const PointwiseLayer& layer, const uint8_t* source, int64_t pixels,
                    void* result);

}  // namespace int8graph
