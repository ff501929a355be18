#pragma once

#include <memory>

namespace torch::jit {
struct Graph;
}

namespace int8graph {

/// Gives each part of a packed projection a layer of its own, as attention packs queries, keys and
/// values.
///
///     %y = aten::linear(%x, %w, %b)
///     %r = aten::reshape(%y, [%batch, %length, 3, %heads, %n])
///     %p = aten::permute(%r, [2, 0, 3, 1, 4])
///     %q = aten::select(%p, 0, 0)
///     %k = aten::select(%p, 0, 1)
///     %v = aten::select(%p, 0, 2)
///   ==>
///     %1 = aten::linear(%x, %w0, %b0)                         and so on for %k and %v
///     %2 = aten::reshape(%1, [%batch, %length, %heads, %n])
///     %q = aten::permute(%2, [0, 2, 1, 3])
///
/// Each part then ends in its own quantizer, inside its partition, and no number is written in
/// fp32. passes/packed_views.h has the forms that are known. Only where the weight is int8, the
/// bias a constant, and some part is quantized behind its views.
void split_projections(const std::shared_ptr<torch::jit::Graph>& graph);

}  // namespace int8graph
