#pragma once

namespace torch::jit {
struct Block;
}

namespace int8graph {

/// Removes ReLUs, ReLU6s and clamps whose limits the quantizer behind them has anyway. uint8 with
/// zero point 0 holds nothing below 0, and where its scale was observed behind a ReLU6, nothing
/// above 6:
///
///     %1 = aten::conv2d(...)                                %1 = aten::conv2d(...)
///     %2 = aten::hardtanh(%1, 0., 6.)                  ==>  %3 = aten::quantize_per_tensor(%1,
///     %3 = aten::quantize_per_tensor(%2, 0.0235, 0, 13)            0.0235, 0, 13)
///
/// The numbers are the same to the bit: rounding is monotonic, so q(clamp(x, a, b)) is q(x) clamped
/// to q(a) and q(b), and those are the ends of the quantizer's range. Measured on 1x1 convolutions,
/// a clamp takes up to 15 % of oneDNN's kernel (16 to 96 channels), a ReLU up to 4 %. Clamps that
/// write in place, or whose input is written to, stay, and clamps of what may be integers.
void remove_needless_clamps(torch::jit::Block& block);

}  // namespace int8graph
