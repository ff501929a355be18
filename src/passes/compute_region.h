#pragma once

#include "ops/lowered_op.h"
#include "passes/candidates.h"
#include "passes/regions.h"

namespace int8graph {

/// The region around a convolution or product of int8 operands, of those that find_known_regions()
/// draws; empty if there is none.
/// @param op what the node lowers to
Region grow_compute_region(torch::jit::Node& node, const LoweredOp& op,
                           const Candidates& candidates);

}  // namespace int8graph
