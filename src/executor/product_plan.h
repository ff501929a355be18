#pragma once

#include <ATen/quantized/Quantizer.h>

#include <optional>
#include <vector>

#include "executor/post_op.h"
#include "executor/quantized_input.h"

namespace torch::jit {
struct Graph;
}

namespace int8graph {

/// A partition with the product of two activations, and what follows it, in the terms of oneDNN's
/// matmul primitive:
///
///     %a = int8graph::dequantize(%x, ...)           source        [..., M, K], u8 or s8
///     %b = int8graph::dequantize(%y, ...)           second        [..., K, N], s8
///     %z = aten::matmul(%a, %b)
///
/// Operands of post-ops are in fp32, or integers of int8 tensors that are added or subtracted, see
/// on_integers().
struct ProductPlan {
  QuantizedInput source;
  QuantizedInput second;
  std::vector<PostOp> post_ops;
  at::QuantizerPtr quantizer;  ///< of the result; null for f32
};

/// The plan of a partition's subgraph; nothing if the subgraph is of any other form.
std::optional<ProductPlan> product_plan(torch::jit::Graph& subgraph);

}  // namespace int8graph
