#pragma once

#include <ATen/core/Tensor.h>

#include <oneapi/dnnl/dnnl.hpp>
#include <optional>

#include "executor/quantized_input.h"
#include "ops/lowered_op.h"

namespace int8graph {

/// What is done to a result before it is written, in the terms of oneDNN's primitives.
struct PostOp {
  dnnl::algorithm algorithm;  ///< undef for PReLU, which oneDNN has no algorithm for
  float alpha = 0;
  float beta = 0;
  std::optional<size_t> argument = {};      ///< the second operand of a binary post-op, in fp32
  std::optional<QuantizedInput> int8 = {};  ///< or in int8
  at::Tensor by_channel = {};  ///< or constant, f32 [C]: a number for each channel of the result

  bool is_prelu() const { return algorithm == dnnl::algorithm::undef; }
};

/// The post-op of an operation on one tensor, such as ReLU, with the factors that oneDNN's eltwise
/// algorithms take; nothing if it has none.
std::optional<PostOp> eltwise_post_op(const LoweredOp& op);

/// The post-op of an operation whose second operand is a number.
std::optional<PostOp> post_op_with(OpKind kind, float number);

/// The algorithm of an operation on two tensors; undef for PReLU.
std::optional<dnnl::algorithm> binary_algorithm(OpKind kind);

}  // namespace int8graph
