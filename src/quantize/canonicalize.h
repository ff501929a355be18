#pragma once

#include <memory>

namespace torch::jit {
struct Graph;
}

namespace int8graph {

/// Brings a frozen fp32 graph into the forms that the operator table speaks of, before its entries
/// are matched.
///
///     %y = aten::_convolution(%x, %w, %b, [1, 1], [0, 0], [1, 1], False, [0, 0], 1, ...)
///     %z = aten::dropout(%y, 0.5, False)
///     return (%z)
///   ==>
///     %y = aten::conv2d(%x, %w, %b, [1, 1], [0, 0], [1, 1], 1)
///     return (%y)
///
/// Tracing writes every convolution in its generic form; the row it belongs to depends on the rank
/// of its weight. Dropout in eval mode is its input.
///
///     %y = aten::addmm(%bias, %x, %w, 1, 1)      ==>      %y = aten::linear(%x, %wt, %bias)
///
/// Where bias and weight are constants, as in layers that store their weight transposed (GPT-2).
void canonicalize(const std::shared_ptr<torch::jit::Graph>& graph);

}  // namespace int8graph
