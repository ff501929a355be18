#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "executor/conv_plan.h"

namespace int8graph {

/// A layer that computes in steps of its result (executor/steps.h), for kernels that read and write
/// unsigned bytes: int8 numbers are 128 more, which is one bit of theirs.
///
/// All products count, so the bias takes in the source's zero point, and padding has to have it.
struct UnsignedSteps {
  /// @param plan see can_be_unsigned_steps()
  explicit UnsignedSteps(const ConvPlan& plan);

  at::Tensor scales, biases;  ///< f32 [C]
  float summand_scale = 0;    ///< 0 where there is no summand
  float most;                 ///< of the result
  uint8_t least;
  uint8_t source_flip, result_flip;  ///< the bits that make bytes unsigned, and signed again
  uint8_t summand_flip = 0;
};

/// Whether there are but a summand and clamps behind it, in this order.
bool can_be_unsigned_steps(const ConvPlan& plan);

}  // namespace int8graph
