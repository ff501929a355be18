#pragma once

namespace torch::jit {
struct Block;
}

namespace int8graph {

/// Finds GELUs that a model writes out by hand, and writes each as the one operator that fuses
/// behind a linear layer.
///
///     %a = aten::pow(%x, 3)
///     %b = aten::mul(%a, 0.044715)
///     %c = aten::add(%x, %b, 1)
///     %d = aten::mul(%c, 0.7978845608)
///     %e = aten::tanh(%d)                ==>    %y = aten::gelu(%x, "tanh")
///     %f = aten::add(%e, 1, 1)
///     %g = aten::mul(%x, 0.5)
///     %y = aten::mul(%g, %f)
///
/// and x * 0.5 * (1 + erf(x / sqrt(2))), or x times the normal distribution's cdf, as gelu(x,
/// "none"). There are many ways to write these formulas. So no form is looked for: of the
/// arithmetic around each tanh and erf, what depends on one value alone is computed for numbers
/// from -8 to 8, and is a GELU if it gives the numbers that GELU gives, to 1e-5. Values that are
/// written to in place stay as they are.
void recognize_gelu(torch::jit::Block& block);

}  // namespace int8graph
