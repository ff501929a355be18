#pragma once

#include <memory>
#include <string>
#include <vector>

#include "executor/conv_plan.h"
#include "executor/primitive_kernel.h"

namespace int8graph {

/// The kernel for a convolution by pointwise(), which is for it (see can_be_pointwise()). Nothing
/// is made for an image size, which takes oneDNN 0.1 to 0.5 ms.
/// @param name what the verbose log calls it
/// @param reusable which of the partition's inputs may be overwritten, see make_conv_kernel()
/// @param weights who reads the weight's tensor
std::unique_ptr<const PrimitiveKernel> make_pointwise_kernel(ConvPlan plan, std::string name,
                                                             OutputLayout layout,
                                                             const std::vector<bool>& reusable,
                                                             Weights weights);

}  // namespace int8graph
