#pragma once

#include <memory>
#include <string>
#include <vector>

#include "executor/conv_plan.h"
#include "executor/primitive_kernel.h"

namespace int8graph {

/// Whether the convolution is for gemm(), its pixels as rows: its kernel has one element, in steps
/// of 1 (behind what ConvPlan::subsampling picks), without padding and groups, it adds nothing in
/// fp32, and can_be_gemm().
bool can_be_pointwise(const ConvPlan& plan);

/// The kernel for a convolution that can_be_pointwise(). Nothing is made for an image size, which
/// takes oneDNN 0.1 to 0.5 ms.
/// @param name what the verbose log calls it
/// @param reusable which of the partition's inputs may be overwritten, see make_conv_kernel()
/// @param weights who reads the weight's tensor
std::unique_ptr<const PrimitiveKernel> make_pointwise_kernel(ConvPlan plan, const std::string& name,
                                                             OutputLayout layout,
                                                             const std::vector<bool>& reusable,
                                                             Weights weights);

}  // namespace int8graph
