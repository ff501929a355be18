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
/// convolution takes 0.85 times as long like this, that of ViT-B/16 0.75. Padding is copied as any
/// other pixel, so that the bias takes in the zero point here, too.
struct PatchPlan {
  ConvPlan convolution;
  std::shared_ptr<const LinearConstants> linear;
  uint8_t padding;  ///< the source's zero point
};

/// Nothing where that is impossible: for groups, dilations, operands that are tensors, or a CPU
/// without AVX512-VNNI; and nothing where copying takes longer than it saves.
/// @throws dnnl::error if oneDNN has no matmul of this form.
std::optional<PatchPlan> patch_plan(const ConvPlan& convolution);

/// It leaves to oneDNN Graph: sources that do not fit the convolution.
/// @param name what the verbose log calls it
std::unique_ptr<const PrimitiveKernel> make_patch_kernel(PatchPlan plan, std::string name,
                                                         OutputLayout layout);

}  // namespace int8graph
