#pragma once

namespace torch::jit {
struct Block;
}

namespace int8graph {

/// Puts batch norms into the transposed convolutions before them; PyTorch's own folding knows
/// convolutions and linear layers only.
///
///     %y = aten::conv_transpose2d(%x, %w, %b, ...)
///     %z = aten::batch_norm(%y, %gamma, %beta, %mean, %var, False, 0.1, 1e-5, ...)
///   ==>
///     %z = aten::conv_transpose2d(%x, %w * s, (%b - %mean) * s + %beta, ...)
///                                              with s = %gamma / sqrt(%var + 1e-5)
///
/// Where nobody else reads %y and all parameters are constants. Output channel c of group g is
/// column c of the weight's rows that belong to g.
/// @return whether there was one.
bool fold_batch_norms_into_transposed(torch::jit::Block& block);

}  // namespace int8graph
