#pragma once

#include <memory>

namespace torch::jit {
struct Graph;
}

namespace int8graph {

/// Moves quantizers towards the operators that make their values, and dequantizers towards those
/// that read them, so that views stand between int8 values. Elements only move in a view, so
/// quantizing before or after it is the same.
///
///     %1 = aten::conv2d(...)                           %1 = aten::conv2d(...)
///     %2 = aten::flatten(%1, 1, -1)                    %2 = aten::quantize_per_tensor(%1, s, z, t)
///     %3 = aten::quantize_per_tensor(%2, s, z, t) ==>  %3 = aten::flatten(%2, 1, -1)
///     %4 = aten::dequantize(%3)                        %4 = aten::dequantize(%3)
///
///     %2 = aten::dequantize(%1)                        %2 = aten::flatten(%1, 1, -1)
///     %3 = aten::flatten(%2, 1, -1)               ==>  %3 = aten::dequantize(%2)
///
/// A read of a value's size is moved to the quantized value, which has the same: it must not keep
/// the value in fp32.
///
///     %1 = aten::linear(...)                           %1 = aten::linear(...)
///     %2 = aten::size(%1, 1)                           %3 = aten::quantize_per_tensor(%1, s, z, t)
///     %3 = aten::quantize_per_tensor(%1, s, z, t) ==>  %2 = aten::size(%3, 1)
///
///     %2 = aten::dequantize(%1)                        %2 = aten::dequantize(%1)
///     %3 = aten::size(%2, 1)                      ==>  %3 = aten::size(%1, 1)
///
/// What divides a tensor is a view, too: see passes/parts.h.
///
///     %2 = aten::dequantize(%1)                        %3, %4 = prim::ConstantChunk(%1)
///     %3, %4 = prim::ConstantChunk(%2)            ==>  %5 = aten::dequantize(%3)
///                                                      %6 = aten::dequantize(%4)
///
/// A dequantize that meets a quantizer with the same parameters disappears together with it, and
/// quantizers of one value with the same parameters become one.
void move_quantizers(const std::shared_ptr<torch::jit::Graph>& graph);

}  // namespace int8graph
