#pragma once

namespace torch::jit {
struct Node;
struct Value;
}  // namespace torch::jit

namespace int8graph {

/// Whether a value is a compute operator's result, or is computed from one element by element, and
/// so a float tensor that has dimensions for sure. An int tensor plus 1.0 would not stay one, nor a
/// tensor without dimensions.
bool is_surely_float_with_dimensions(const torch::jit::Value& value);

/// Writes a sum, difference, product or quotient in the form that oneDNN Graph fuses, if it stands
/// behind a compute operator, where its operand is sure to be a float tensor with dimensions. The
/// node may be destroyed.
///
///     %y = aten::mul(%x, 0.125)     ==>   %c : Tensor = prim::Constant[value={0.125}]()
///                                         %y = aten::mul(%x, %c)        (also add, sub and div,
///                                                                        and by traced numbers:
///                                                                        {8})
///
///     %y = aten::rsub(%x, 1, 1)     ==>   %n = aten::mul(%x, {-1})
///                                         %y = aten::add(%n, {1}, 1)
///
/// aten::sub(%other, %x, 1) likewise, where %x alone comes from a compute operator; aten::neg is
/// the product alone.
void write_fusable_arithmetic(torch::jit::Node& node);

}  // namespace int8graph
