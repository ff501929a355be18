#pragma once

namespace torch::jit {
struct Block;
}

namespace int8graph {

/// Takes out the casts that PyTorch's executor writes into a graph that is called under
/// torch.autocast: an artifact says itself what computes in which dtype, and partitions have no use
/// for inputs of less precision. Operators that stay PyTorch's are cast by autocast as they run.
///
///     %1 = aten::dequantize(%q)                               %1 = aten::dequantize(%q)
///     %2 = aten::_autocast_to_reduced_precision(%1, ...) ==>  %3 = aten::linear(%1, %w, %b)
///     %3 = aten::linear(%2, %w, %b)                           %5 = aten::div(%3, %s)
///     %4 = aten::_autocast_to_full_precision(%3, ...)
///     %5 = aten::div(%4, %s)
///
/// Constants are cast when the graph is made, so biases of int8 operators are made fp32 again.
void remove_autocast(torch::jit::Block& block);

}  // namespace int8graph
