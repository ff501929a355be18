#pragma once

#include <ATen/quantized/Quantizer.h>
#include <c10/util/ArrayRef.h>

#include <cstdint>
#include <oneapi/dnnl/dnnl.hpp>
#include <optional>
#include <vector>

#include "executor/quantized_input.h"

namespace int8graph {

/// A partition that is a pool over int8, of the same parameters on both sides:
///
///     %d = int8graph::dequantize(%x, ...)
///     %p = aten::max_pool2d(%d, ...)
///     %q = aten::quantize_per_tensor(%p, ...)
///
/// Windows, pads and the like have one number for each spatial dimension.
struct PoolPlan {
  dnnl::algorithm algorithm;
  QuantizedInput source;
  std::vector<int64_t> kernel;
  std::vector<int64_t> strides;
  std::vector<int64_t> dilations;  ///< 1: none
  std::vector<int64_t> pads;       ///< at the beginning; as many at the end, or less
  bool rounds_up;                  ///< whether a last, partial window counts (ceil_mode)
  at::QuantizerPtr quantizer;      ///< of the result

  /// The result's sizes for a source [N, C, ...]; nothing if that does not fit the pool.
  std::optional<std::vector<int64_t>> result_sizes(c10::IntArrayRef source) const;
};

/// The plan of a partition's subgraph; nothing if the subgraph is of any other form.
std::optional<PoolPlan> pool_plan(torch::jit::Graph& subgraph);

}  // namespace int8graph
