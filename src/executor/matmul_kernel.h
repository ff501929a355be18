#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <optional>
#include <span>
#include <string>

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

  /// @param arguments the partition's inputs: plain tensors of the dtypes that the plan tells.
  /// @returns the result, contiguous; nothing where it leaves these arguments to oneDNN Graph: a
  ///   product that broadcasts, an operand that broadcasts over a linear layer's rows, shapes for
  ///   which oneDNN has no matmul or only its reference kernel (the verbose log says so once).
  virtual std::optional<at::Tensor> run(std::span<const at::Tensor> arguments) const = 0;

 protected:
  MatmulKernel() = default;
  MatmulKernel(const MatmulKernel&) = delete;
  MatmulKernel& operator=(const MatmulKernel&) = delete;
};

/// The kernel for linear layers, or the one for products of two activations.
/// @param name what the verbose log calls it
/// @throws dnnl::error if oneDNN has no matmul of this form for a linear layer.
std::unique_ptr<const MatmulKernel> make_matmul_kernel(MatmulPlan plan, std::string name);

}  // namespace int8graph
