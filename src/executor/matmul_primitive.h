#pragma once

#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <span>
#include <string>
#include <vector>

#include "executor/matmul_plan.h"
#include "executor/packed_weight.h"
#include "executor/primitive_runner.h"

namespace int8graph {

/// What the matmuls of one plan share, whatever their sizes: the packed weight, the bias, scales
/// and zero points. Never written after construction; read by all threads.
class MatmulConstants {
 public:
  /// Packs the plan's weight, where it has one.
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
                  const MatmulShapes& shapes);

  /// @param data of source, second activation (where there is no packed weight), result and
  ///   operands, in this order
  void run(std::span<const void* const> data) const { runner_.run(data); }

  std::string implementation() const { return runner_.implementation(); }
  std::string shape() const { return runner_.sizes(DNNL_ARG_SRC); }

 private:
  std::shared_ptr<const MatmulConstants> constants_;  // which the runner's arguments point into
  PrimitiveRunner runner_;
};

/// The parts of MatmulShapes that belong to a plan with a weight, for a number of rows.
MatmulShapes linear_shapes(const MatmulPlan& plan, const dnnl::memory::desc& weight, int64_t rows);

}  // namespace int8graph
