#pragma once

#include <ATen/quantized/Quantizer.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace torch::jit {
struct Graph;
}

namespace int8graph {

/// A partition that joins int8 tensors, all of the same parameters, so that bytes are copied:
///
///     %d = int8graph::dequantize(%x, ...)
///     %e = int8graph::dequantize(%y, ...)
///     %l : Tensor[] = prim::ListConstruct(%d, %e)
///     %c = aten::cat(%l, 1)
///     %q = aten::quantize_per_tensor(%c, ...)
struct ConcatPlan {
  std::vector<size_t> arguments;  ///< which of the partition's inputs, in the result's order
  int64_t axis;                   ///< as the node says; negative counts from the end
  at::QuantizerPtr quantizer;     ///< of the result
};

/// The plan of a partition's subgraph; nothing if the subgraph is of any other form.
std::optional<ConcatPlan> concat_plan(torch::jit::Graph& subgraph);

}  // namespace int8graph
