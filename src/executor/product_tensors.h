#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/quantized/Quantizer.h>

#include <cstdint>
#include <vector>

#include "passes/partition_node.h"

namespace int8graph {

/// The tensor in a form that oneDNN's matmul reads: one of its last two strides is 1.
at::Tensor with_dense_rows_or_columns(const at::Tensor& tensor);

/// A new, uninitialised tensor for a product, or what a linear layer makes.
/// @param quantizer of the result; null for f32
at::Tensor allocate_result(const at::QuantizerPtr& quantizer, std::vector<int64_t> sizes,
                           OutputLayout layout = OutputLayout::Contiguous);

}  // namespace int8graph
