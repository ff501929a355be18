#pragma once

#include <cstdint>
#include <oneapi/dnnl/dnnl.hpp>
#include <span>
#include <vector>

#include "executor/post_op.h"

namespace int8graph {

/// What oneDNN's primitives for convolutions and products take beside shapes.
struct AttributesOf {
  QuantizerParameters source;
  int weight_scales_mask;      ///< of the dimensions along which they differ; 0 for a single scale
  at::QuantizerPtr quantizer;  ///< of the result; null for f32
  bool in_steps = false;       ///< what is computed are its steps already, see executor/steps.h
  std::span<const PostOp> post_ops;
  std::span<const dnnl::memory::desc> operands;  ///< of the binary post-ops, in their order
  dnnl::memory::desc channels;  ///< how numbers of post-ops lie that belong to channels
};

/// One number for each channel, broadcast to a result of this rank, whose channels are dimension 1.
dnnl::memory::desc channels_of_rank(int64_t channels, size_t rank);

/// Scales and zero points come with each call; scratch memory is the caller's. A post-op with an
/// operand that is dequantized is a sum: the operand lies where the result will.
dnnl::primitive_attr primitive_attributes(const AttributesOf& of);

/// These places of a primitive's arguments, and behind them those of the operands of its binary
/// post-ops, in their order.
std::vector<int> with_operands(std::vector<int> places, std::span<const PostOp> post_ops);

}  // namespace int8graph
