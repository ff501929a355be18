#pragma once

#include <ATen/quantized/Quantizer.h>

#include <vector>

#include "executor/post_op.h"
#include "executor/quantized_input.h"
#include "executor/weight_and_bias.h"

namespace int8graph {

/// What a convolution and a linear layer are, but for the form of their products.
struct LayerPlan {
  QuantizedInput source;  ///< parameters that weight and bias have taken in are 1 and 0
  WeightAndBias layer;
  std::vector<PostOp> post_ops = {};
  at::QuantizerPtr quantizer = {};  ///< of the result; null for f32
  bool in_steps = false;            ///< layer and post-ops compute its steps, see executor/steps.h
};

}  // namespace int8graph
