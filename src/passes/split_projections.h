#pragma once

#include <memory>

namespace torch::jit {
struct Graph;
}

namespace int8graph {

/// Gives each part of a packed projection a layer of its own, as nn.MultiheadAttention packs
/// queries, keys and values (or the last two).
///
///     %y = aten::linear(%x, %w, %b)
///     %1 = aten::unflatten(%y, -1, [3, %n])
///     %2 = aten::unsqueeze(%1, 0)
///     %3 = aten::transpose(%2, 0, -2)
///     %4 = aten::squeeze(%3, -2)
///     %p = aten::contiguous(%4, 0)
///     %q = aten::select(%p, 0, 0)           %q = aten::linear(%x, %w0, %b0)
///     %k = aten::select(%p, 0, 1)     ==>   %k = aten::linear(%x, %w1, %b1)
///     %v = aten::select(%p, 0, 2)           %v = aten::linear(%x, %w2, %b2)
///
/// Each part then ends in its own quantizer, inside its partition, and nothing is copied. Only
/// where the weight is int8, and bias and parts are constants.
void split_projections(const std::shared_ptr<torch::jit::Graph>& graph);

}  // namespace int8graph
