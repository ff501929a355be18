#pragma once

#include <memory>
#include <string>

#include "executor/pool_plan.h"
#include "executor/primitive_kernel.h"

namespace int8graph {

/// The kernel for an int8 pool, which reads channels-last and copies into that layout what lies in
/// another way. It leaves to oneDNN Graph: sources that do not fit the pool.
/// @param name what the verbose log calls it
std::unique_ptr<const PrimitiveKernel> make_pool_kernel(PoolPlan plan, std::string name,
                                                        OutputLayout layout);

}  // namespace int8graph
