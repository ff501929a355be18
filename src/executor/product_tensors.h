#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "executor/matmul_plan.h"
#include "passes/partition_node.h"

namespace int8graph {

/// The tensor in a form that oneDNN's matmul reads: one of its last two strides is 1.
at::Tensor with_dense_rows_or_columns(const at::Tensor& tensor);

/// A new, uninitialised tensor for the product of a plan.
at::Tensor allocate_result(const MatmulPlan& plan, std::vector<int64_t> sizes,
                           OutputLayout layout = OutputLayout::Contiguous);

}  // namespace int8graph
