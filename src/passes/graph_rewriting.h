#pragma once

#include <vector>

#include "passes/regions.h"

namespace int8graph {

/// Turns each region into one `int8graph::partition` node that holds the region as its subgraph;
/// constants go inside, so that a node's inputs are what changes from call to call.
///
///     %q : Tensor = aten::quantize_per_tensor(%x, ...)
///     %d : Tensor = int8graph::dequantize(%q, ...)            %q = aten::quantize_per_tensor(...)
///     %c : Tensor = aten::conv2d(%d, %w, %b, ...)       ==>   %p = int8graph::partition(%q)
///     %p : Tensor = aten::quantize_per_tensor(%c, ...)          with Subgraph = graph(%q):
///                                                                 dequantize, conv2d, quantize
///
/// Nodes that stand between a region's first and last node and depend on it move behind it; regions
/// come from partition_block(), so nothing with side effects stands there. A region that such a
/// move can't free (something outside depends on it and it on that) stays unfused and is returned.
std::vector<Region> rewrite_regions(const std::vector<Region>& regions);

}  // namespace int8graph
