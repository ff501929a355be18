#pragma once

#include <torch/csrc/jit/runtime/interpreter.h>

#include <cstddef>
#include <vector>

#include "passes/partition_node.h"

namespace int8graph {

/// A partition that PyTorch's operators run in fp32, at all shapes, because this CPU's oneDNN does
/// not do it well (executor/cpu_limits.h). Immutable; run by many threads.
///
/// Its weights are dequantized once, on construction. Convolutions read and so write channels-last,
/// which is what the partitions around them are fast with; what leaves the graph is contiguous.
class Fp32Partition {
 public:
  /// @param layouts those of its outputs
  Fp32Partition(torch::jit::Graph& subgraph, std::vector<OutputLayout> layouts);

  /// Takes the partition's inputs from the stack and leaves its outputs there.
  void run(torch::jit::Stack& stack) const;

 private:
  const size_t input_count_;
  const bool is_convolution_;
  const std::vector<OutputLayout> layouts_;
  const torch::jit::Code code_;
};

}  // namespace int8graph
