#pragma once

#include <ATen/quantized/Quantizer.h>

#include <cstdint>
#include <oneapi/dnnl/dnnl.hpp>
#include <optional>

namespace torch::jit {
struct Graph;
}

namespace int8graph {

/// A partition that is a softmax over the last dimension, in the terms of oneDNN's primitive:
///
///     %y = aten::softmax(%x, -1, None)              f32
///     %q = aten::quantize_per_tensor(%y, ...)       quantizer; the result is f32 without it
struct RowPlan {
  dnnl::algorithm algorithm;
  int64_t axis;                ///< as the node says; negative counts from the end
  at::QuantizerPtr quantizer;  ///< of the result, zero point 0; null for f32
};

/// The plan of a partition's subgraph; nothing if the subgraph is of any other form.
std::optional<RowPlan> row_plan(torch::jit::Graph& subgraph);

}  // namespace int8graph
