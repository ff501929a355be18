#pragma once

#include <cstdint>
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <optional>
#include <span>
#include <string>

#include "executor/matmul_plan.h"
#include "executor/packed_weight.h"
#include "executor/primitive_constants.h"
#include "executor/primitive_runner.h"

namespace int8graph {

/// What a linear layer is to oneDNN.
enum class LinearForm {
  Matmul,      ///< [rows, K] x [K, N]
  Convolution  ///< [1, K, 1, rows] with [N, K, 1, 1], channels-last: the same bytes
};

/// What the primitives of one linear layer share, for whatever number of rows: the plan and its
/// packed weight. Never written after construction; read by all threads.
class LinearConstants {
 public:
  /// @throws dnnl::error if oneDNN has no matmul of this form.
  explicit LinearConstants(MatmulPlan plan);

  const MatmulPlan& plan() const { return plan_; }
  const PackedWeight& weight() const { return weight_; }

  /// The faster form for so many rows, see LinearPrimitive.
  LinearForm form_for(int64_t rows) const;
  /// How that form sees the packed weight.
  const dnnl::memory::desc& weight_layout(LinearForm form) const;
  /// Weight, bias, scales and zero points. They point into what this holds.
  PrimitiveConstants arguments(LinearForm form) const;

 private:
  const MatmulPlan plan_;
  const dnnl::memory::desc as_matmul_;
  const std::optional<dnnl::memory::desc> as_convolution_;  ///< nothing if it wants other bytes
  const PackedWeight weight_;
};

/// A linear layer for a number of rows. Immutable; run by many threads.
///
/// Whole blocks of rows are an image of one pixel for each of them, channels-last, that a 1x1
/// convolution reads, whose loops are shorter than those of a matmul: 2 to 5 % faster for 64 rows
/// and more (oneDNN 3.2, AVX512-VNNI). Other blocks, and weights that are no multiple of 64 by 64
/// numbers, for which the two don't share a layout, are a matmul.
class LinearPrimitive {
 public:
  /// @throws dnnl::error if oneDNN has no primitive of this form.
  LinearPrimitive(std::shared_ptr<const LinearConstants> constants, int64_t rows);

  /// @param data of source, result and operands, in this order
  void run(std::span<const void* const> data) const { runner_.run(data); }

  std::string implementation() const { return runner_.implementation(); }
  std::string shape() const { return runner_.sizes(DNNL_ARG_SRC); }

 private:
  std::shared_ptr<const LinearConstants> constants_;  // which the runner's arguments point into
  PrimitiveRunner runner_;
};

}  // namespace int8graph
