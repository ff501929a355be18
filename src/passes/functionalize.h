#pragma once

#include <memory>

namespace torch::jit {
struct Graph;
}

namespace int8graph {

/// Alias and mutation reduction: in-place operators become their pure forms where nobody can tell
/// the difference, and views that would fail on other strides become reshapes.
///
///     %2 : Tensor = aten::conv2d(%x, ...)             %2 : Tensor = aten::conv2d(%x, ...)
///     %3 : Tensor = aten::relu_(%2)              ==>  %3 : Tensor = aten::relu(%2)
///     %4 : Tensor = aten::view(%3, [1, -1])           %4 : Tensor = aten::reshape(%3, [1, -1])
///
/// PyTorch's own pass proves by alias analysis that a write is seen by its result only. A view()
/// needs strides that fit; behind a partition they may be channels-last, where fp32 PyTorch had
/// contiguous ones, and reshape() copies then. Where a write remains, views stay views: a reshape
/// that copies would lose it.
void functionalize(const std::shared_ptr<torch::jit::Graph>& graph);

}  // namespace int8graph
