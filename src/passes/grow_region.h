#pragma once

#include <unordered_set>

#include "passes/regions.h"

namespace torch::jit {
struct Node;
}

namespace int8graph {

/// The region around one operation, of those that find_known_regions() draws; empty if there is
/// none. What may join is what oneDNN Graph 3.2 fuses with it, or oneDNN's primitives.
/// @param candidates the nodes that may join
Region grow_region(torch::jit::Node& node,
                   const std::unordered_set<const torch::jit::Node*>& candidates);

}  // namespace int8graph
