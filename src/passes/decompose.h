#pragma once

#include <memory>

namespace torch::jit {
struct Graph;
}

namespace int8graph {

/// Writes operators that oneDNN Graph has no form for as those it fuses.
///
///     %1 = aten::silu(%x)           ==>   %s = aten::sigmoid(%x)       (where %x is what a layer
///                                         %1 = aten::mul(%x, %s)         or product made)
///
///     %2 = aten::prelu(%x, {0.25})  ==>   %2 = aten::leaky_relu(%x, 0.25)
///
/// And arithmetic with numbers, see passes/arithmetic.h.
void decompose(const std::shared_ptr<torch::jit::Graph>& graph);

}  // namespace int8graph
