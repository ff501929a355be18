#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <vector>

#include "int8graph/quant_conf.h"

namespace int8graph {

/// The extremes of a floating-point tensor of any strides, in one pass, as float32; NaN in both
/// bounds if it holds one; nothing if it has no elements. Neither autograd, a tracer, a dispatch
/// mode of Python nor a RecordFunction callback sees the pass.
std::optional<Range> scan_range(const at::Tensor& tensor);

/// The same for each index of one axis; empty if the tensor has no elements.
std::vector<Range> scan_channel_ranges(const at::Tensor& tensor, int64_t axis);

}  // namespace int8graph
