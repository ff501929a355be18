#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "executor/conv_plan.h"

namespace int8graph {

/// A depthwise convolution of a square kernel over images, made ready for depthwise().
///
/// Numbers are read and written as unsigned ones, those of int8 as 128 more. All pixels multiply
/// all of the kernel, so that the bias takes in the source's zero point, and padding has it.
struct DepthwiseLayer {
  /// Channels that are worked off together: 64, 32 or 16. The last ones may be among those of the
  /// block before, too, which writes them twice.
  struct Block {
    int64_t first, channels;
    int64_t packed;  ///< which of the packed ones is the first
  };

  /// @param plan see can_be_depthwise()
  explicit DepthwiseLayer(const ConvPlan& plan);

  int64_t kernel, stride;  ///< of both dimensions
  int64_t pad_top, pad_left;
  std::vector<Block> blocks;
  at::Tensor padding;         ///< [C] of what lies outside of the source, as that has it
  at::Tensor weights;         ///< s8, for each block as compute_rows() reads them
  at::Tensor scales, biases;  ///< f32, likewise; in steps of the result, see executor/steps.h
  float most;                 ///< of the result, unsigned
  uint8_t least;
  uint8_t source_flip, result_flip;  ///< the bits that make them unsigned
};

/// Whether the layer is for this: on a CPU with AVX512-VNNI, of 3 x 3, 5 x 5 or 7 x 7 pixels, in
/// steps of 1 or 2, of 16 channels or more, into int8, with nothing but clamps behind it.
bool can_be_depthwise(const ConvPlan& plan);

/// Writes the convolution.
/// @param source [N, C, H, W], channels-last and dense, `quint8` or `qint8`
/// @param result likewise, of the layer's sizes
void depthwise(const DepthwiseLayer& layer, const at::Tensor& source, const at::Tensor& result);

}  // namespace int8graph
