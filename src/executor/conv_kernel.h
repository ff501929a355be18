#pragma once

#include <memory>
#include <string>
#include <vector>

#include "executor/conv_plan.h"
#include "executor/primitive_kernel.h"
#include "passes/partition_node.h"

namespace int8graph {

/// The kernel for a convolution, transposed or not, and what is fused to it, by oneDNN's
/// primitives: for what our own kernels are not for (see make_primitive_kernel()).
///
/// All sizes and threads share one packed weight, where oneDNN Graph packs it for each size; and a
/// partition takes oneDNN Graph 2 to 7 ms before the first size, in which it builds and tries all
/// the patterns it knows. It leaves to oneDNN Graph: a source that the kernel does not fit, and
/// what does not broadcast to the result. (Regions that only primitives know, see
/// passes/known_regions.h, run unfused then.)
/// @param name what the verbose log calls it
/// @param layout how the result lies in memory: contiguous, or channels-last
/// @param reusable which of the partition's inputs may be overwritten: a summand's buffer becomes
///   the result's, unless the convolution reads it, too
/// @param weights who reads the weight's tensor
std::unique_ptr<const PrimitiveKernel> make_conv_kernel(ConvPlan plan, std::string name,
                                                        OutputLayout layout,
                                                        const std::vector<bool>& reusable,
                                                        Weights weights);

}  // namespace int8graph
