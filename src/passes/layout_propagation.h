#pragma once

namespace torch::jit {
struct Block;
}

namespace int8graph {

/// Decides how the outputs of partitions lie in memory and which inputs they may overwrite.
///
///     %1 = int8graph::partition(%x)        output any: only %2's partition reads it
///     %2 = int8graph::partition(%1)        output any: PyTorch's mean() takes every stride, and
///     %3 = aten::mean(%2, ...)               channels-last is what oneDNN leaves
///     %4 = int8graph::partition(%3)        output contiguous: the caller may view() it
///     return (%4)
///
///     %5 = int8graph::partition(%a, %v)    output heads inside: the transposed view of it is
///     %6 = aten::transpose(%5, 1, 2)         contiguous, and the reshape that puts the heads of an
///     %7 = aten::reshape(%6, ...)            attention side by side copies nothing
///
/// A value that leaves the graph is contiguous, as it would be after PyTorch's own operators. An
/// input may be overwritten when another partition made it: then no buffer of the caller's, no view
/// and no constant can be hit.
void propagate_layouts(torch::jit::Block& block);

}  // namespace int8graph
