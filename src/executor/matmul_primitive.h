#pragma once

#include <oneapi/dnnl/dnnl.hpp>
#include <span>
#include <string>
#include <vector>

#include "executor/primitive_constants.h"
#include "executor/primitive_runner.h"
#include "executor/product_plan.h"

namespace int8graph {

/// Scales and zero points of the product of two activations, which its matmuls of all sizes share.
PrimitiveConstants product_constants(const ProductPlan& plan);

/// The sizes, strides and dtypes of one call.
struct MatmulShapes {
  dnnl::memory::desc source;
  dnnl::memory::desc second;
  dnnl::memory::desc result;
  std::vector<dnnl::memory::desc> operands;  ///< of the binary post-ops, in their order
};

/// The product of two activations for certain shapes. Immutable; run by many threads.
class MatmulPrimitive {
 public:
  /// @throws dnnl::error if oneDNN has no matmul of this form.
  MatmulPrimitive(const ProductPlan& plan, const PrimitiveConstants& constants,
                  const MatmulShapes& shapes);

  /// @param data of source, second activation, result and operands, in this order
  void run(std::span<const void* const> data) const { runner_.run(data); }

  std::string implementation() const { return runner_.implementation(); }
  std::string shape() const { return runner_.sizes(DNNL_ARG_SRC); }

 private:
  PrimitiveRunner runner_;
};

}  // namespace int8graph
