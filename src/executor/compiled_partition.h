#pragma once

#include <ATen/core/Tensor.h>

#include <oneapi/dnnl/dnnl_graph.hpp>
#include <optional>
#include <span>
#include <vector>

#include "executor/tensor_bridge.h"
#include "passes/partition_node.h"

namespace int8graph {

/// Where a partition's tensors come from, the same for all shapes.
struct PartitionPorts {
  struct Input {
    dnnl::graph::logical_tensor port;
    size_t argument;      ///< which of the node's inputs, if it is no constant
    at::Tensor constant;  ///< defined for constants
  };
  struct Output {
    dnnl::graph::logical_tensor port;
    OutputLayout layout;
    at::QuantizerPtr quantizer;  ///< null for floating-point outputs
  };

  std::vector<Input> inputs;    ///< in oneDNN's order
  std::vector<Output> outputs;  ///< in the node's order
};

/// A partition compiled for the shapes and strides of one call. Immutable; run by many threads.
class CompiledPartition {
 public:
  /// @param arguments the node's inputs, all plain tensors of the dtypes that the ports tell.
  /// @throws dnnl::error when oneDNN refuses; std::bad_alloc, too, for some odd shapes.
  CompiledPartition(const dnnl::graph::partition& partition, const PartitionPorts& ports,
                    std::span<const at::Tensor> arguments);

  /// Runs it; `reusable` tells which arguments' buffers an output may take over.
  std::vector<at::Tensor> run(std::span<const at::Tensor> arguments,
                              const std::vector<bool>& reusable) const;

 private:
  struct Inplace {
    size_t argument;
    size_t output;
  };

  void compile(const dnnl::graph::partition& partition,
               const std::vector<dnnl::graph::logical_tensor>& outputs);

  std::vector<dnnl::graph::logical_tensor> input_tensors_;
  std::vector<dnnl::graph::logical_tensor> output_tensors_;
  std::vector<dnnl::graph::tensor> constants_;    ///< by port; empty handles elsewhere
  std::vector<std::optional<size_t>> arguments_;  ///< by port; none for constants
  std::vector<OutputSpec> output_specs_;
  std::optional<Inplace> inplace_;
  dnnl::graph::compiled_partition compiled_;
};

}  // namespace int8graph
