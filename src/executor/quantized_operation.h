#pragma once

#include <optional>

#include "ops/lowered_op.h"
#include "passes/quantizers.h"

namespace torch::jit {
struct Graph;
}

namespace int8graph {

/// What a partition's only result is made by: an operation, and the quantizer behind it.
struct QuantizedOperation {
  LoweredOp op;
  QuantizerParameters parameters;
};

/// Nothing if there are several results, or none of a quantizer behind what has a oneDNN form.
std::optional<QuantizedOperation> quantized_operation(torch::jit::Graph& subgraph);

}  // namespace int8graph
