#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "executor/conv_plan.h"
#include "executor/linear_primitive.h"
#include "executor/primitive_kernel.h"

namespace int8graph {

/// A convolution over an image of one to three channels, such as a network's first one, as a linear
/// layer over its patches (executor/patch_rows.h):
///
///     source [N, C, H, W]     rows [N * OH * OW, K]     K = KH * KW * C, up to a multiple of 4
///     weight [O, C, KH, KW]   weight [O, K]             zeros in what is filled up
///
/// oneDNN multiplies channels in fours, of which one to three are zeros then: ResNet-50's first
/// convolution takes 0.84 times as long like this, that of ViT-B/16 0.7. Padding is copied as any
/// other pixel, so that the bias takes in the zero point here, too.
struct PatchPlan {
  ConvPlan convolution;
  std::shared_ptr<const LinearConstants> linear;
  uint8_t padding;  ///< the source's zero point
};

/// Nothing where that is impossible: for groups, dilations, operands that are tensors, sums, a CPU
/// without AVX512-VNNI, or what oneDNN has no matmul for; and nothing where copying takes longer
/// than it saves.
std::optional<PatchPlan> patch_plan(const ConvPlan& convolution);

/// Several threads run the convolution itself: what one core has copied, another one would read,
/// which costs more than is saved (ResNet-50's with 8 images, by two: 3.4 ms, over patches 5.0).
/// Its results may be one step apart, as zero points are taken off in another place.
/// @param name what the verbose log calls it
/// @param convolution the plan's, for them and for what oneDNN has no matmul for
std::unique_ptr<const PrimitiveKernel> make_patch_kernel(
    PatchPlan plan, std::string name, OutputLayout layout,
    std::unique_ptr<const PrimitiveKernel> convolution);

}  // namespace int8graph
