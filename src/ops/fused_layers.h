#pragma once

#include <ATen/core/ivalue.h>

#include <string_view>
#include <vector>

namespace torch::jit {
struct Function;
struct Node;
}  // namespace torch::jit

namespace int8graph {

/// Operators of PyTorch that run a whole layer at once, as nn.MultiheadAttention and
/// nn.TransformerEncoderLayer do without gradients: aten::_native_multi_head_attention and
/// aten::_transformer_encoder_layer_fwd. Inside of them nothing can be observed or quantized, so
/// each has a definition in operators that can be. Calibration runs it beside the operator, and
/// conversion puts its graph in the operator's place: both see the same calls.

/// The definition of an operator, with the operator's arguments and results; null if it has none.
/// @param symbol without overload: "aten::_native_multi_head_attention"
torch::jit::Function* definition_of(std::string_view symbol);

/// Whether the definition computes what this call does: self-attention over dense batches.
bool is_defined_for(c10::ArrayRef<c10::IValue> arguments);

/// What a graph tells of that.
enum class Defined { Yes, UnlessNested, No };
Defined is_defined_for(const torch::jit::Node& node);

}  // namespace int8graph
