#pragma once

#include <memory>
#include <string>

#include "executor/primitive_kernel.h"
#include "executor/product_plan.h"
#include "passes/partition_node.h"

namespace int8graph {

/// The kernel for the product of two activations. It leaves to oneDNN Graph: a product that
/// broadcasts, and an operand that does not broadcast to the result. (Regions that only primitives
/// know, see passes/known_regions.h, run unfused then.)
/// @param name what the verbose log calls it
/// @param layout how the result lies in memory
std::unique_ptr<const PrimitiveKernel> make_product_kernel(ProductPlan plan, std::string name,
                                                           OutputLayout layout);

}  // namespace int8graph
