#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "executor/packed_weight.h"
#include "passes/partition_node.h"

namespace torch::jit {
struct Graph;
}

namespace int8graph {

/// Runs a partition past oneDNN Graph, by primitives of oneDNN, mostly a single one, or by a kernel
/// of our own. Shared by all threads.
///
/// Why past it: oneDNN Graph 3.2 compiles each partition for each shape from the start, 0.1 to 0.2
/// ms a time, where oneDNN's cache of primitives makes one in 0.02 ms if a partition of the same
/// form has met that shape before. A model of 12 equal layers then pays for one. Where both know a
/// form, it is the primitive that oneDNN Graph runs, too, or a faster one.
class PrimitiveKernel {
 public:
  virtual ~PrimitiveKernel() = default;

  /// @param arguments the partition's inputs: plain tensors of the dtypes that it was built for.
  /// @returns the result; nothing where it leaves these arguments to oneDNN Graph: shapes that it
  ///   does not know, or for which oneDNN has no primitive or only its reference kernel (the
  ///   verbose log says so once). An attention leaves them to its parts.
  virtual std::optional<at::Tensor> run(std::span<const at::Tensor> arguments) const = 0;

  /// Brings back the tensor of a weight that it owns, see PackedWeight.
  virtual void restore_weight() const {}

 protected:
  PrimitiveKernel() = default;
  PrimitiveKernel(const PrimitiveKernel&) = delete;
  PrimitiveKernel& operator=(const PrimitiveKernel&) = delete;
};

/// The kernel for a partition's subgraph: a convolution (executor/conv_kernel.h; over few channels
/// executor/patch_kernel.h, a depthwise one executor/depthwise_kernel.h, a pointwise one
/// executor/pointwise_kernel.h), a linear layer (executor/gemm_kernel.h, executor/linear_kernel.h),
/// a product of two activations (executor/product_kernel.h), a softmax (executor/row_kernel.h), a
/// pool (executor/pool_kernel.h) or a join of tensors (executor/concat_kernel.h). Null for all
/// others; attention has executor/attention_kernel.h.
/// @param name what the verbose log calls it
/// @param layout how the result lies in memory, where the kernel has a choice
/// @param reusable which inputs may be overwritten, as soon as nobody else holds them
/// @param weights who reads the tensors of the subgraph's weights
std::unique_ptr<const PrimitiveKernel> make_primitive_kernel(torch::jit::Graph& subgraph,
                                                             const std::string& name,
                                                             OutputLayout layout,
                                                             const std::vector<bool>& reusable,
                                                             Weights weights);

}  // namespace int8graph
