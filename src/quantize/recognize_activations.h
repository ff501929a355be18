#pragma once

namespace torch::jit {
struct Block;
}

namespace int8graph {

/// Finds activations that a model writes out by hand, and writes each as the one operator that
/// fuses behind a convolution or linear layer: GELU in both forms, hard-swish, hard-sigmoid and
/// Mish.
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
///     %a = aten::add(%x, 3, 1)
///     %b = aten::relu6(%a)               ==>    %y = aten::hardswish(%x)
///     %c = aten::mul(%x, %b)
///     %y = aten::div(%c, 6)
///
/// There are many ways to write these formulas. So no form is looked for: of the arithmetic around
/// each tanh, erf and clamp, what depends on one value alone is computed for numbers from -1e6 to
/// 1e6, and is the activation if it gives the same numbers, to 1e-5. That value must hold floats
/// for sure, as there are no activations of integers. Values that are written to in place stay as
/// they are.
void recognize_activations(torch::jit::Block& block);

}  // namespace int8graph
