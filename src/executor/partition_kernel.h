#pragma once

#include <ATen/core/stack.h>

#include <memory>

#include "executor/packed_weight.h"

namespace torch::jit {
struct Node;
}

namespace int8graph {

/// Runs one `int8graph::partition` node; one object per node, shared by all threads.
///
/// run() takes the node's inputs from the stack and puts its outputs there. What this CPU's oneDNN
/// does not do well runs in fp32 by PyTorch's operators, see Fp32Partition. What a PrimitiveKernel
/// takes runs by that. Everything else is compiled by oneDNN Graph once for whatever shapes,
/// strides and thread count it meets, and kept, see SnapshotCache. Where oneDNN can't (an empty
/// tensor, another dtype, a refusal), it runs the node's subgraph by PyTorch's operators as it is,
/// and says so once for each of these reasons.
///
/// Unlike in PyTorch, a NaN in an f32 operand becomes the least integer that the quantizer and
/// clamps behind it allow, and, where oneDNN's kernels run, 0 in a ReLU that is fused behind it:
/// the CPU's maximum of NaN and a limit is the limit.
class PartitionKernel {
 public:
  /// @param weights who reads the tensors of the node's weights
  explicit PartitionKernel(const torch::jit::Node& node, Weights weights = Weights::Shared);
  ~PartitionKernel();
  PartitionKernel(const PartitionKernel&) = delete;
  PartitionKernel& operator=(const PartitionKernel&) = delete;

  void run(torch::jit::Stack& stack) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace int8graph
