#pragma once

namespace torch::jit {
struct Block;
}

namespace int8graph {

/// Writes bfloat16 and float16 into the types of values that have them for sure. A saved graph has
/// no dtypes.
///
///     %l : Tensor = aten::to(%x, 15, ...)              %l : BFloat16 = aten::to(%x, 15, ...)
///     %y : Tensor = aten::conv2d(%l, %w, ...)    ==>   %y : BFloat16 = aten::conv2d(%l, %w, ...)
///     %z : Tensor = aten::relu(%y)                     %z : BFloat16 = aten::relu(%y)
///
/// The passes look for rows of the operator table, and nodes that read such values have none
/// (ops/operator_table.h): PyTorch runs them as they are.
void mark_reduced_floats(torch::jit::Block& block);

}  // namespace int8graph
