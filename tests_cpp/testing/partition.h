#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/runtime/interpreter.h>

#include <stdexcept>
#include <vector>

#include "executor/partition_kernel.h"
#include "executor/profile.h"
#include "int8graph/convert.h"
#include "passes/partition_node.h"
#include "passes/quantizers.h"
#include "testing/fused_graphs.h"

namespace int8graph {

/// One partition of a fused model, run by a kernel of its own and by PyTorch's operators.
class Partition {
 public:
  /// The partition at the given position of the model's fused graph.
  Partition(const torch::jit::Module& model, const std::vector<c10::IValue>& inputs,
            size_t position, QScheme qscheme = QScheme::PerTensorAffine)
      : artifact_(convert(model, calibrated_on(model, inputs, qscheme), inputs)),
        graph_(fused_graph(artifact_)),
        node_(partitions_of(*graph_).at(position)) {}

  torch::jit::Node& node() const { return *node_; }

  /// A tensor as the partition's input `i` expects it: quantized with the parameters that its
  /// dequantize has.
  at::Tensor int8(const at::Tensor& values, size_t i = 0) const {
    for (const torch::jit::Use& use : node_->g(c10::attr::Subgraph)->inputs()[i]->uses()) {
      const auto parameter = [&](size_t k) { return *torch::jit::toIValue(use.user->input(k)); };
      if (use.user->kind() == explicit_dequantize_symbol()) {
        return at::quantize_per_tensor(values, parameter(1).toDouble(), parameter(2).toInt(),
                                       static_cast<c10::ScalarType>(parameter(3).toInt()));
      }
    }
    throw std::logic_error("the partition's input is not quantized");
  }

  at::Tensor fused(const PartitionKernel& kernel, std::vector<at::Tensor> inputs) const {
    torch::jit::Stack stack;
    for (at::Tensor& input : inputs) stack.emplace_back(std::move(input));
    inputs.clear();
    kernel.run(stack);
    EXPECT_EQ(stack.size(), 1);
    return stack.front().toTensor();
  }

  at::Tensor unfused(const std::vector<at::Tensor>& inputs) const {
    const auto subgraph = node_->g(c10::attr::Subgraph);
    const torch::jit::Code code(subgraph, "unfused");
    torch::jit::Stack stack(inputs.begin(), inputs.end());
    torch::jit::InterpreterState(code).run(stack);
    return stack.front().toTensor();
  }

 private:
  torch::jit::Module artifact_;
  std::shared_ptr<torch::jit::Graph> graph_;
  torch::jit::Node* node_;
};

/// Quantized tensors of the same parameters, at most one step apart.
inline void expect_one_step_apart(const at::Tensor& a, const at::Tensor& b) {
  ASSERT_EQ(a.sizes(), b.sizes());
  ASSERT_EQ(a.q_scale(), b.q_scale());
  ASSERT_EQ(a.q_zero_point(), b.q_zero_point());
  if (a.numel() == 0) return;
  const auto steps = (a.int_repr().to(at::kInt) - b.int_repr().to(at::kInt)).abs();
  EXPECT_LE(steps.max().item<int>(), 1);
}

/// Whether oneDNN ran in any partition while `action` did.
template <typename Action>
bool runs_in_onednn(const Action& action) {
  start_profile();
  action();
  int64_t time = 0;
  for (const PartitionTimes& partition : stop_profile()) time += partition.in_kernels;
  return time > 0;
}

}  // namespace int8graph
