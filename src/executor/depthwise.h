#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "executor/conv_plan.h"
#include "executor/epilogue.h"

namespace int8graph {

/// A depthwise convolution of a square kernel over images, made ready for depthwise().
///
/// All pixels multiply all of the kernel, so padding has the source's zero point.
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
  at::Tensor padding;  ///< [C] of what lies outside of the source, as that has it
  at::Tensor weights;  ///< s8, for each block as compute_rows() reads them
  Epilogue epilogue;   ///< its scales and biases for each block, too
};

/// Whether the layer is for this: on a CPU with AVX512-VNNI, of 3 x 3, 5 x 5 or 7 x 7 pixels, in
/// steps of 1 or 2, of 16 channels or more, with nothing but clamps behind it.
bool can_be_depthwise(const ConvPlan& plan);

/// Writes the convolution.
/// @param source [N, C, H, W], channels-last and dense, `quint8` or `qint8`
/// @param result likewise, or fp32, of the layer's sizes
void depthwise(const DepthwiseLayer& layer, const at::Tensor& source, const at::Tensor& result);

}  // namespace int8graph
