#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/SmallVector.h>

#include <oneapi/dnnl/dnnl.hpp>
#include <optional>
#include <span>
#include <vector>

#include "executor/quantized_input.h"
#include "ops/lowered_op.h"

namespace int8graph {

/// What is done to a result before it is written, in the terms of oneDNN's primitives.
struct PostOp {
  dnnl::algorithm algorithm;  ///< undef for PReLU, which oneDNN has no algorithm for
  float alpha = 0;
  float beta = 0;
  std::optional<size_t> argument = {};      ///< the partition's input that a binary post-op reads
  c10::ScalarType dtype = c10::kFloat;      ///< of that input, whose integers count if it is int8
  std::optional<QuantizedInput> int8 = {};  ///< or an operand that is dequantized
  at::Tensor by_channel = {};  ///< or constant, f32 [C]: a number for each channel of the result
  at::Tensor constant = {};    ///< or constant, f32, of any sizes that broadcast to the result's

  bool reads_operand() const { return argument || constant.defined(); }
  bool reads_another_tensor() const { return reads_operand() || by_channel.defined(); }
  bool is_relu() const { return algorithm == dnnl::algorithm::eltwise_relu && alpha == 0; }
  bool is_prelu() const { return algorithm == dnnl::algorithm::undef; }
};

using Operands = c10::SmallVector<at::Tensor, 2>;

/// What binary post-ops read, in their order.
/// @param arguments the partition's
Operands operands_of(std::span<const PostOp> post_ops, std::span<const at::Tensor> arguments);

/// Where the first operand in int8 is that is added.
enum class Summand {
  LiesInResult,  ///< before the result is written there, which takes as many bytes
  IsRead,        ///< as all others
};

/// The same with the integers of operands that are dequantized, so that oneDNN can read them:
///
///     v + scale * (q - zero_point)  =  scale * (v / scale + q) - scale * zero_point
///
/// Nothing if one is neither added nor subtracted.
std::optional<std::vector<PostOp>> on_integers(std::span<const PostOp> post_ops, Summand first);

/// The post-op of an operation on one tensor, such as ReLU, with the factors that oneDNN's eltwise
/// algorithms take; nothing if it has none.
std::optional<PostOp> eltwise_post_op(const LoweredOp& op);

/// The post-op of an operation whose second operand is a number.
std::optional<PostOp> post_op_with(OpKind kind, float number);

/// The algorithm of an operation on two tensors; undef for PReLU.
std::optional<dnnl::algorithm> binary_algorithm(OpKind kind);

}  // namespace int8graph
