#pragma once

#include <memory>
#include <string>

#include "executor/concat_plan.h"
#include "executor/primitive_kernel.h"

namespace int8graph {

/// The kernel that joins int8 tensors. The result lies channels-last if the largest of them does
/// and the layout leaves the choice, else dense; others are copied into that layout first. It
/// leaves to oneDNN Graph: tensors that can't be joined.
/// @param name what the verbose log calls it
std::unique_ptr<const PrimitiveKernel> make_concat_kernel(ConcatPlan plan, std::string name,
                                                          OutputLayout layout);

}  // namespace int8graph
