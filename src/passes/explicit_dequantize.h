#pragma once

namespace torch::jit {
struct Block;
}

namespace int8graph {

/// Gives every reader of a quantized activation a dequantize of its own, with its parameters in
/// sight: oneDNN Graph fuses a dequantize into its one reader, and needs scale and zero point
/// there.
///
///     %2 = aten::dequantize(%1)         %2 = int8graph::dequantize(%1, 0.02, 128, 13)
///     %3 = aten::conv2d(%2, ...)   ==>  %3 = aten::conv2d(%2, ...)
///     %4 = aten::add(%2, %3, 1)         %5 = int8graph::dequantize(%1, 0.02, 128, 13)
///                                       %4 = aten::add(%5, %3, 1)
///
/// A dequantize whose parameters are not known, or whose result is written to, stays as it is.
void make_dequantize_explicit(torch::jit::Block& block);

}  // namespace int8graph
