#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "int8graph/quant_conf.h"
#include "observe/activation_histogram.h"

namespace int8graph {

/// The extremes of a floating-point tensor of any strides, in one pass, as float32; NaN in both
/// bounds if it holds one; nothing if it has no elements. Neither autograd, a tracer, a dispatch
/// mode of Python nor a RecordFunction callback sees the pass.
std::optional<Range> scan_range(const at::Tensor& tensor);

/// How the values are distributed. Each vector along `axis` counts by its own size, since noise
/// matters by what it is added to: a value's weight is 1 / (|v|^2 + 1% of the mean of all |v|^2)
/// for its vector v. The 1% keeps vectors of almost nothing, such as padding, from counting most.
/// @param range what scan_range() answers
/// @return null where `range` is not finite, or squares are not
std::shared_ptr<const ActivationHistogram> scan_histogram(const at::Tensor& tensor, int64_t axis,
                                                          Range range);

/// The extremes for each index of one axis; empty if the tensor has no elements.
std::vector<Range> scan_channel_ranges(const at::Tensor& tensor, int64_t axis);

}  // namespace int8graph
