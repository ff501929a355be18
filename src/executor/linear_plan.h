#pragma once

#include <cstdint>
#include <optional>

#include "executor/layer_plan.h"

namespace torch::jit {
struct Graph;
}

namespace int8graph {

/// A partition with one linear layer, and what follows it:
///
///     %y = int8graph::dequantize(%x, ...)           source        [..., K], u8 or s8
///     %w = aten::dequantize(%constant)              weight        [N, K] or [K, N]
///     %z = aten::linear(%y, %w, %b)                 bias          [N]
///
/// Operands of post-ops are in fp32, or integers of int8 tensors that are added or subtracted, see
/// on_integers().
struct LinearPlan : LayerPlan {
  int64_t channel_axis;  ///< the weight's axis of output channels; 0 as aten::linear has it

  int64_t inner_size() const { return layer.weight.size(1 - channel_axis); }  ///< K
  int64_t outer_size() const { return layer.weight.size(channel_axis); }      ///< N
};

/// The plan of a partition's subgraph; nothing if the subgraph is of any other form.
std::optional<LinearPlan> linear_plan(torch::jit::Graph& subgraph);

}  // namespace int8graph
