#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "executor/layer_plan.h"
#include "executor/result_form.h"

namespace int8graph {

/// What our own kernels do to the sums of a layer's products: scale them, add biases and a summand,
/// keep them between limits, and write floats, or round them where the layer computes in steps of
/// its result (executor/steps.h).
///
/// They read unsigned bytes, too, see ResultForm. All products count, so the bias takes in the
/// source's zero point, and padding has to have it.
struct Epilogue {
  /// @param plan see can_be_epilogue()
  /// @param channel_axis the weight's axis of output channels
  explicit Epilogue(const LayerPlan& plan, int64_t channel_axis = 0);

  at::Tensor scales, biases;  ///< f32 [C]
  ResultForm result;
  uint8_t source_flip;      ///< the bits that make bytes unsigned
  float summand_scale = 0;  ///< 0 where there is no summand
  uint8_t summand_flip = 0;
};

/// Whether there are but a summand in int8 and clamps behind the layer, in this order.
bool can_be_epilogue(const LayerPlan& plan);

}  // namespace int8graph
