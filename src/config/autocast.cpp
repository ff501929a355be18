#include "config/autocast.h"

#include <ATen/autocast_mode.h>

namespace int8graph {

std::optional<c10::ScalarType> autocast_dtype() {
  if (!at::autocast::is_autocast_enabled(at::kCPU)) return {};
  return at::autocast::get_autocast_dtype(at::kCPU);
}

AutocastScope::AutocastScope(std::optional<c10::ScalarType> dtype)
    : enabled_before_(at::autocast::is_autocast_enabled(at::kCPU)),
      dtype_before_(at::autocast::get_autocast_dtype(at::kCPU)) {
  at::autocast::set_autocast_enabled(at::kCPU, dtype.has_value());
  if (dtype) at::autocast::set_autocast_dtype(at::kCPU, *dtype);
}

AutocastScope::~AutocastScope() {
  at::autocast::set_autocast_enabled(at::kCPU, enabled_before_);
  at::autocast::set_autocast_dtype(at::kCPU, dtype_before_);
}

}  // namespace int8graph
