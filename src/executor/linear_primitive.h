#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <oneapi/dnnl/dnnl.hpp>
#include <optional>
#include <span>
#include <string>

#include "executor/linear_plan.h"
#include "executor/packed_weight.h"
#include "executor/primitive_constants.h"
#include "executor/primitive_runner.h"

namespace int8graph {

/// What a linear layer is to oneDNN.
enum class LinearForm {
  Matmul,      ///< [rows, K] x [K, N]
  Convolution  ///< [1, K, 1, rows] with [N, K, 1, 1], channels-last: the same bytes
};

/// What the primitives of one linear layer share, for whatever number of rows: the plan, its packed
/// weight, and their constant arguments, which would be 4 KB for each of them. Read by all threads.
class LinearConstants {
 public:
  /// @throws dnnl::error if oneDNN has no matmul of this form.
  explicit LinearConstants(LinearPlan plan);

  const LinearPlan& plan() const { return plan_; }
  const PackedWeight& weight() const { return weight_; }

  /// Weight, bias, scales and zero points; made when the first primitive of that form asks.
  /// @param weight how all primitives of that form see it
  const PrimitiveConstants& arguments(LinearForm form, const dnnl::memory::desc& weight) const;

 private:
  struct Arguments {
    std::once_flag making;
    PrimitiveConstants constants;
  };

  const LinearPlan plan_;
  const PackedWeight weight_;  ///< as matmuls want it
  mutable std::array<Arguments, 2> arguments_;
};

/// A linear layer for a number of rows. Immutable; run by many threads.
///
/// Rows are an image of one pixel for each of them, channels-last, that a 1x1 convolution reads,
/// whose loops are shorter than those of a matmul: 2 to 5 % faster for 64 rows and more
/// (oneDNN 3.2, AVX512-VNNI). What oneDNN would have the weight packed for in another way is a
/// matmul: fewer rows, weights that are no multiple of 64 by 64 numbers.
class LinearPrimitive {
 public:
  /// @throws dnnl::error if oneDNN has no primitive of this form.
  LinearPrimitive(std::shared_ptr<const LinearConstants> constants, int64_t rows);

  /// @param data of source, result and operands, in this order
  void run(std::span<const void* const> data) const { runner_.run(data); }

  LinearForm form() const { return form_; }
  std::string implementation() const { return runner_.implementation(); }
  std::string shape() const { return runner_.sizes(DNNL_ARG_SRC); }

 private:
  struct Description {
    LinearForm form;
    dnnl::primitive_desc_base primitive;
  };
  LinearPrimitive(std::shared_ptr<const LinearConstants> constants, const Description& description);
  static Description describe(const LinearConstants& constants, int64_t rows);

  std::shared_ptr<const LinearConstants> constants_;  // which the runner's arguments point into
  LinearForm form_;
  PrimitiveRunner runner_;
};

}  // namespace int8graph
