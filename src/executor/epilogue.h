#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "executor/conv_plan.h"

namespace int8graph {

/// What our own kernels do to the sums of a layer's products: scale them, add biases and a summand,
/// keep them between limits, and write floats, or round them where the layer computes in steps of
/// its result (executor/steps.h).
///
/// They read and write unsigned bytes: int8 numbers are 128 more, which is one bit of theirs. All
/// products count, so the bias takes in the source's zero point, and padding has to have it.
struct Epilogue {
  /// @param plan see can_be_epilogue()
  explicit Epilogue(const ConvPlan& plan);

  /// Of a number of the result.
  int64_t result_bytes() const { return writes_floats ? sizeof(float) : 1; }

  at::Tensor scales, biases;  ///< f32 [C]
  float summand_scale = 0;    ///< 0 where there is no summand
  float least, most;          ///< of the result's unsigned steps, or floats
  bool writes_floats;
  uint8_t source_flip;  ///< the bits that make bytes unsigned, and signed again
  uint8_t result_flip;
  uint8_t summand_flip = 0;
};

/// Whether there are but a summand and clamps behind the layer, in this order.
bool can_be_epilogue(const ConvPlan& plan);

}  // namespace int8graph
