#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "passes/partition_node.h"

namespace int8graph {

/// The tensor in a form that oneDNN's matmul reads: one of its last two strides is 1.
at::Tensor with_dense_rows_or_columns(const at::Tensor& tensor);

/// The strides of a product of these sizes.
std::vector<int64_t> strides_of(const std::vector<int64_t>& sizes, OutputLayout layout);

}  // namespace int8graph
