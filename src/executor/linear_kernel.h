#pragma once

#include <memory>
#include <string>

#include "executor/linear_plan.h"
#include "executor/primitive_kernel.h"

namespace int8graph {

/// The kernel for a linear layer, rows times a weight, by oneDNN's primitives: for what gemm() is
/// not for (executor/gemm_kernel.h).
///
/// All numbers of rows and threads share one packed weight, where oneDNN Graph packs it for each
/// partition that it compiles (4.5 ns and one byte for each of the weight's bytes: 0.4 s and 85 MB
/// for BERT-base at each new length). Once the number of rows varies, primitives for a few of them
/// serve all, see executor/row_blocks.h. It leaves to oneDNN Graph: an operand that does not
/// broadcast to the result, and PReLU of anything but a matrix. (Regions that only primitives know,
/// see passes/known_regions.h, run unfused then.)
/// @param name what the verbose log calls it
/// @param weights who reads the tensor of the weight
/// @throws dnnl::error if oneDNN has no primitive of this form.
std::unique_ptr<const PrimitiveKernel> make_linear_kernel(LinearPlan plan, std::string name,
                                                          Weights weights);

}  // namespace int8graph
