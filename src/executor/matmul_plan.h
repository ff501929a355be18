#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "executor/compute_chain.h"
#include "executor/weight_and_bias.h"

namespace torch::jit {
struct Graph;
}

namespace int8graph {

/// A partition with one product, in the terms of oneDNN's matmul primitive: a linear layer
///
///     %y = int8graph::dequantize(%x, ...)           source        [..., K], u8 or s8
///     %w = aten::dequantize(%constant)              weight        [N, K] or [K, N]
///     %z = aten::linear(%y, %w, %b)                 bias          [N]
///
/// or the product of two activations, where `second` stands in place of the weight:
///
///     %b = int8graph::dequantize(%k, ...)           second        [..., K, N], s8
///     %z = aten::matmul(%y, %b)
///
/// and what follows it. Operands of post-ops are in fp32, or integers of int8 tensors that are
/// added or subtracted, see on_integers().
struct MatmulPlan {
  QuantizedInput source;  ///< parameters that weight and bias have taken in are 1 and 0
  std::optional<QuantizedInput> second;
  std::optional<WeightAndBias> layer;  ///< what makes it a linear layer
  bool weight_is_transposed = false;   ///< [N, K], as aten::linear has it
  std::vector<PostOp> post_ops;
  at::QuantizerPtr quantizer;  ///< of the result; null for f32
  bool in_steps = false;       ///< layer and post-ops compute its steps, see executor/steps.h

  int64_t inner_size() const { return layer->weight.size(weight_is_transposed ? 1 : 0); }  ///< K
  int64_t outer_size() const { return layer->weight.size(weight_is_transposed ? 0 : 1); }  ///< N
};

/// The plan of a partition's subgraph; nothing if the subgraph is of any other form.
std::optional<MatmulPlan> matmul_plan(torch::jit::Graph& subgraph);

}  // namespace int8graph
