#pragma once

#include <c10/core/ScalarType.h>

#include <optional>

#include "int8graph/export.h"

namespace int8graph {

/// What torch.autocast("cpu", dtype) asks for on this thread, bfloat16 or float16; nothing outside
/// of it.
std::optional<c10::ScalarType> autocast_dtype();

/// Sets this thread's autocast while it lives, as torch.autocast("cpu", dtype) does; without a
/// dtype, off. Exported for the program int8graph.
class INT8GRAPH_API AutocastScope {
 public:
  explicit AutocastScope(std::optional<c10::ScalarType> dtype);
  ~AutocastScope();
  AutocastScope(const AutocastScope&) = delete;
  AutocastScope& operator=(const AutocastScope&) = delete;

 private:
  const bool enabled_before_;
  const c10::ScalarType dtype_before_;
};

}  // namespace int8graph
