#pragma once

#include <vector>

#include "passes/writes.h"

namespace torch::jit {
struct Block;
struct Node;
struct Value;
}  // namespace torch::jit

namespace int8graph {

/// The tensors that a node makes, be it as a list that is unpacked right away:
///
///     %a, %b = prim::ConstantChunk[chunks=2, dim=1](%x)         %a and %b
///     %l : Tensor[] = aten::split(%x, 8, 1)
///     %a, %b = prim::ListUnpack(%l)                             %a and %b
///
/// Nothing if the list goes elsewhere, too.
std::vector<torch::jit::Value*> tensors_made_by(torch::jit::Node& node);

/// Quantizes a tensor once instead of all its parts, where all of them are wanted with the same
/// parameters and nobody reads anything of it in fp32. Only behind operators that a quantizer is
/// fused with; what a layer norm makes, say, is cheaper to quantize where only a part is wanted.
///
///     %1 = aten::relu(%conv)                         %1 = aten::relu(%conv)
///     %2, %3 = prim::ConstantChunk(%1)               %q = aten::quantize_per_tensor(%1, p)
///     %4 = aten::quantize_per_tensor(%2, p)     ==>  %2, %3 = prim::ConstantChunk(%q)
///     %5 = aten::quantize_per_tensor(%3, p)
///
/// Quantizers with other parameters stay where they are: one for each part costs less than one for
/// the whole each.
/// @param written see written_values(): these stay untouched.
/// @return whether one was moved.
bool quantize_before_parts(torch::jit::Block& block, const WrittenValues& written);

}  // namespace int8graph
