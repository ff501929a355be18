#pragma once

#include <memory>
#include <string>

#include "executor/conv_plan.h"
#include "executor/primitive_kernel.h"

namespace int8graph {

/// The kernel for a depthwise convolution by depthwise(), which is for it (see can_be_depthwise()).
/// oneDNN's takes two to three and a half times as long, and 0.1 ms to be made for each image size.
/// @param name what the verbose log calls it
std::unique_ptr<const PrimitiveKernel> make_depthwise_kernel(ConvPlan plan, std::string name,
                                                             OutputLayout layout);

}  // namespace int8graph
