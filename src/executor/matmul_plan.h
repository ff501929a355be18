#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/quantized/Quantizer.h>

#include <oneapi/dnnl/dnnl.hpp>
#include <optional>
#include <vector>

#include "passes/quantizers.h"

namespace torch::jit {
struct Graph;
}

namespace int8graph {

/// A partition with one product, in the terms of oneDNN's matmul primitive: a linear layer
///
///     %y = int8graph::dequantize(%x, ...)           source        [..., K], u8 or s8
///     %w = aten::dequantize(%constant)              weight        [N, K] or [K, N], s8
///     %z = aten::linear(%y, %w, %b)                 bias          [N], f32
///     %g = aten::gelu(%z, ...)                      post-op
///     %s = aten::add(%g, %residual, 1)              post-op with an operand, f32
///     %q = aten::quantize_per_tensor(%s, ...)       quantizer; the result is f32 without it
///
/// or the product of two activations, where `second` stands in place of the weight:
///
///     %b = int8graph::dequantize(%k, ...)           second        [..., K, N], s8
///     %z = aten::matmul(%y, %b)
struct MatmulPlan {
  struct Activation {
    size_t argument;  ///< which of the partition's inputs
    QuantizerParameters parameters;
  };

  struct PostOp {
    dnnl::algorithm algorithm;
    float alpha = 0;
    float beta = 0;
    std::optional<size_t> argument = {};  ///< the second operand of a binary post-op
  };

  Activation source;
  std::optional<Activation> second;
  at::Tensor weight;          ///< undefined for two activations, as what belongs to it
  bool weight_is_transposed;  ///< [N, K], as aten::linear has it
  at::Tensor weight_scales;   ///< f32: [N], or [1] per tensor
  at::Tensor bias;            ///< undefined if there is none
  std::vector<PostOp> post_ops;
  at::QuantizerPtr quantizer;  ///< of the result; null for f32

  int64_t inner_size() const { return weight.size(weight_is_transposed ? 1 : 0); }  ///< K
  int64_t outer_size() const { return weight.size(weight_is_transposed ? 0 : 1); }  ///< N
};

/// The plan of a partition's subgraph; nothing if the subgraph is of any other form.
std::optional<MatmulPlan> matmul_plan(torch::jit::Graph& subgraph);

}  // namespace int8graph
