#pragma once

#include <memory>

namespace torch::jit {
struct Graph;
}

namespace int8graph {

/// Writes operators that oneDNN Graph has no form for as those it fuses.
///
///     %1 = aten::silu(%x)           ==>   %s = aten::sigmoid(%x)
///                                         %1 = aten::mul(%x, %s)
///
///     %2 = aten::mul(%x, 0.125)     ==>   %c : Tensor = prim::Constant[value={0.125}]()
///                                         %2 = aten::mul(%x, %c)        (also add and div)
void decompose(const std::shared_ptr<torch::jit::Graph>& graph);

}  // namespace int8graph
