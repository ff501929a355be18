#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "executor/primitive_constants.h"
#include "executor/primitive_runner.h"
#include "executor/row_plan.h"

namespace int8graph {

/// What the softmaxes of one plan share, whatever their sizes: the scale of the result.
PrimitiveConstants row_constants(const RowPlan& plan);

/// A plan's softmax for a number of rows of one length, which lie one behind the other. Immutable;
/// run by many threads.
class RowPrimitive {
 public:
  /// @throws dnnl::error if oneDNN has none of this form.
  RowPrimitive(const RowPlan& plan, const PrimitiveConstants& constants, int64_t rows,
               int64_t length);

  void run(const void* source, void* result) const {
    runner_.run(std::array<const void*, 2>{source, result});
  }

  std::string implementation() const { return runner_.implementation(); }
  std::string shape() const { return runner_.sizes(DNNL_ARG_SRC); }

 private:
  PrimitiveRunner runner_;
};

}  // namespace int8graph
