#pragma once

#include <ATen/quantized/Quantizer.h>

#include <optional>
#include <vector>

#include "executor/post_op.h"
#include "ops/lowered_op.h"

namespace torch::jit {
struct Graph;
}  // namespace torch::jit

namespace int8graph {

/// A partition with one compute operation, and one chain of operations behind it:
///
///     %y = int8graph::dequantize(%x, ...)
///     %w = aten::dequantize(%constant)
///     %z = aten::linear(%y, %w, %b)                 compute
///     %g = aten::gelu(%z, ...)                      post-op
///     %s = aten::add(%g, %residual, 1)              post-op with an operand
///     %q = aten::quantize_per_tensor(%s, ...)       quantizer; the result is f32 without it
///
/// No value of the chain is read by anything but the next operation, apart from x in
/// x * sigmoid(x), so none is needed in memory.
struct ComputeChain {
  LoweredOp compute;  ///< MatMul, Convolution or ConvTranspose
  std::vector<PostOp> post_ops;
  at::QuantizerPtr quantizer;  ///< of the result; null for f32
};

/// Nothing if the subgraph is of any other form.
std::optional<ComputeChain> compute_chain(torch::jit::Graph& subgraph);

/// The chain's post-ops as primitives take them, see on_integers(). The first int8 operand that a
/// convolution adds lies in the result if that is int8, too. Nothing if they take none such.
std::optional<std::vector<PostOp>> post_ops_on_integers(const ComputeChain& chain);

/// Whether oneDNN would compute wrong numbers: see misreads_operands() in ops/op_properties.h.
bool has_misread_operands(const ComputeChain& chain);

}  // namespace int8graph
