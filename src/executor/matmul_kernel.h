#pragma once

#include <memory>
#include <string>

#include "executor/matmul_plan.h"
#include "executor/primitive_kernel.h"
#include "passes/partition_node.h"

namespace int8graph {

/// The kernel for a linear layer, or the one for the product of two activations.
///
/// All sizes and threads share one packed weight, where oneDNN Graph packs it for each partition
/// that it compiles (4.5 ns and one byte for each of the weight's bytes: 0.4 s and 85 MB for
/// BERT-base at each new length). A linear layer needs a primitive for a few numbers of rows only,
/// see executor/row_blocks.h. It leaves to oneDNN Graph: a product that broadcasts, an operand that
/// does not broadcast to the result, and PReLU of anything but a matrix. (Regions that only
/// primitives know, see passes/known_regions.h, run unfused then.)
/// @param name what the verbose log calls it
/// @param layout how the result of a product lies in memory; a linear layer's is contiguous
/// @param weights who reads the tensor of a linear layer's weight
/// @throws dnnl::error if oneDNN has no matmul of this form for a linear layer.
std::unique_ptr<const PrimitiveKernel> make_matmul_kernel(MatmulPlan plan, std::string name,
                                                          OutputLayout layout, Weights weights);

}  // namespace int8graph
