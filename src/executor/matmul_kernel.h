#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <span>

#include "executor/matmul_plan.h"

namespace int8graph {

/// Runs a partition with one product by oneDNN's matmul primitive.
///
/// Why not through oneDNN Graph, as all other partitions: it costs too much at a new sequence
/// length. Each partition that oneDNN Graph compiles packs the weight for itself (4.5 ns and one
/// byte for each of the weight's bytes: 0.4 s and 85 MB for BERT-base), and takes 0.2 ms besides.
/// Here all sizes and threads share one packed weight, a linear layer needs a primitive for a few
/// numbers of rows only (executor/row_blocks.h), and oneDNN's cache of primitives makes one in
/// 0.02 ms where a layer of the same form has met that size before. The numbers are the same: it is
/// the primitive that oneDNN Graph runs too.
class MatmulKernel {
 public:
  virtual ~MatmulKernel() = default;

  /// Whether the arguments (plain tensors of the expected dtypes) are of shapes that this kernel
  /// knows. It leaves broadcasting products to oneDNN Graph, and broadcasting operands of a linear
  /// layer's post-ops.
  virtual bool takes(std::span<const at::Tensor> arguments) const = 0;

  /// @param arguments the partition's inputs, which `takes` accepts.
  /// @returns the result, contiguous.
  virtual at::Tensor run(std::span<const at::Tensor> arguments) const = 0;

 protected:
  MatmulKernel() = default;
  MatmulKernel(const MatmulKernel&) = delete;
  MatmulKernel& operator=(const MatmulKernel&) = delete;
};

/// The kernel for linear layers, or the one for products of two activations.
/// @throws dnnl::error if oneDNN has no matmul of this form.
std::unique_ptr<const MatmulKernel> make_matmul_kernel(MatmulPlan plan);

}  // namespace int8graph
