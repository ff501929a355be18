#pragma once

#include <memory>
#include <string>
#include <vector>

#include "executor/linear_plan.h"
#include "executor/primitive_kernel.h"

namespace int8graph {

/// The kernel for a linear layer that can_be_gemm(). It is the same for all numbers of rows, where
/// oneDNN has to make a primitive for each, or for blocks of them. It leaves to oneDNN Graph: a
/// summand that does not broadcast to the result.
/// @param name what the verbose log calls it
/// @param reusable which of the partition's inputs may be overwritten, as soon as nobody else holds
///   them
/// @param weights who reads the weight's tensor
std::unique_ptr<const PrimitiveKernel> make_gemm_kernel(const LinearPlan& plan,
                                                        const std::string& name,
                                                        const std::vector<bool>& reusable,
                                                        Weights weights);

}  // namespace int8graph
