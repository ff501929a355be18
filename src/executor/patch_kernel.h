#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "executor/conv_plan.h"
#include "executor/gemm.h"
#include "executor/primitive_kernel.h"

namespace int8graph {

/// A convolution over an image of one to three channels, such as a network's first one, as a
/// pointwise one over its patches (executor/patch_rows.h):
///
///     source [N, C, H, W]     rows [N * OH * OW, K]     K = KH * KW * C, up to a multiple of 4
///     weight [O, C, KH, KW]   weight [O, K]             zeros in what is filled up
///
/// oneDNN multiplies channels in fours, of which one to three are zeros then. Padding is copied as
/// any other pixel.
struct PatchPlan {
  ConvPlan convolution;
  std::shared_ptr<const Gemm> layer;
  uint8_t padding;  ///< the source's zero point
};

/// Nothing where that is impossible: for groups, dilations, and what gemm() is not for, such as
/// SiLU behind it, or a CPU with AMX; and nothing where copying takes longer than it saves.
std::optional<PatchPlan> patch_plan(const ConvPlan& convolution);

/// @param name what the verbose log calls it
std::unique_ptr<const PrimitiveKernel> make_patch_kernel(PatchPlan plan, std::string name,
                                                         OutputLayout layout);

}  // namespace int8graph
