#pragma once

#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <span>
#include <string>
#include <vector>

#include "executor/matmul_plan.h"
#include "executor/packed_weight.h"
#include "executor/primitive_call.h"

namespace int8graph {

/// What the matmuls of one plan share, whatever their sizes: the packed weight, the bias, scales
/// and zero points. Never written after construction; read by all threads.
class MatmulConstants {
 public:
  /// Packs the plan's weight, where it has one: some 4.5 ns for each of its bytes.
  /// @throws dnnl::error if oneDNN has no matmul of this form.
  explicit MatmulConstants(const MatmulPlan& plan);

  /// Nothing for the product of two activations.
  const std::optional<PackedWeight>& weight() const { return weight_; }
  const PrimitiveConstants& arguments() const { return arguments_; }

 private:
  const std::optional<WeightAndBias> layer_;  // the arguments below point into these
  const std::vector<PostOp> post_ops_;
  std::optional<PackedWeight> weight_;
  PrimitiveConstants arguments_;
};

/// The sizes, strides and dtypes of one call.
struct MatmulShapes {
  dnnl::memory::desc source;
  dnnl::memory::desc second;  ///< or the packed weight
  dnnl::memory::desc result;
  std::vector<dnnl::memory::desc> operands;  ///< of the binary post-ops, in their order
};

/// A plan's matmul for certain shapes. Immutable; run by many threads.
class MatmulPrimitive {
 public:
  /// @throws dnnl::error if oneDNN has no matmul of this form.
  MatmulPrimitive(const MatmulPlan& plan, std::shared_ptr<const MatmulConstants> constants,
                  MatmulShapes shapes);

  /// Where one call's data is, in the order of MatmulShapes.
  struct Data {
    const void* source;
    const void* second;  ///< null for the packed weight
    void* result;
    std::span<const void* const> operands;
  };
  void run(const Data& data) const;

  /// oneDNN's name of the kernel, such as "brg:avx512_core_vnni".
  std::string implementation() const { return description_.impl_info_str(); }
  std::string shape() const;  ///< the source's

 private:
  std::shared_ptr<const MatmulConstants> constants_;
  MatmulShapes shapes_;
  std::vector<int> operand_places_;
  dnnl::matmul::primitive_desc description_;
  dnnl::matmul primitive_;
  dnnl::memory::desc scratchpad_;
};

/// The parts of MatmulShapes that belong to a plan with a weight, for a number of rows.
MatmulShapes linear_shapes(const MatmulPlan& plan, const dnnl::memory::desc& weight, int64_t rows);

}  // namespace int8graph
