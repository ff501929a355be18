#pragma once

namespace torch::jit {
struct Block;
}

namespace int8graph {

/// Moves element-wise operators over the views between them and the compute operator they belong
/// to, so that they fuse with it, and the views move int8 values instead of floats. Elements only
/// move in a view, so what is done to each of them alone may come before it.
///
///     %1 = aten::conv2d(...)                     %1 = aten::conv2d(...)
///     %2 = aten::flatten(%1, 2, -1)              %4 = aten::gelu(%1, "none")
///     %3 = aten::transpose(%2, 1, 2)       ==>   %2 = aten::flatten(%4, 2, -1)
///     %4 = aten::gelu(%3, "none")                %3 = aten::transpose(%2, 1, 2)
///     %5 = aten::quantize_per_tensor(%4, ...)    %5 = aten::quantize_per_tensor(%3, ...)
///
/// SegFormer's feed-forward layers are so: a depthwise convolution, tokens made of its pixels,
/// GELU. Only behind what computes in int8, over views that hold each element once, where nothing
/// but sizes is read in between, and the operator's other arguments are constants and no tensors.
void move_elementwise_before_views(torch::jit::Block& block);

}  // namespace int8graph
