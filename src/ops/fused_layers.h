#pragma once

#include <ATen/core/ivalue.h>

#include <string_view>

namespace torch::jit {
struct Function;
struct Node;
}  // namespace torch::jit

namespace int8graph {

/// The definition, in operators that can be observed and quantized, of an operator that runs a
/// whole layer at once: aten::_native_multi_head_attention and
/// aten::_transformer_encoder_layer_fwd, which nn.MultiheadAttention and nn.TransformerEncoderLayer
/// call where no gradients are recorded. Calibration runs it beside the operator, conversion puts
/// its graph in the operator's place. It has the operator's arguments and results, but for what it
/// makes of queries that have no key left (NaN in PyTorch).
/// @param symbol without overload: "aten::_native_multi_head_attention"
/// @return null for all other operators
torch::jit::Function* definition_of(std::string_view symbol);

/// Whether the definition of this operator computes what the call does: self-attention over dense
/// batches.
bool is_defined_for(std::string_view symbol, c10::ArrayRef<c10::IValue> arguments);

/// The same, as far as a graph tells.
enum class Defined { Yes, UnlessNested, No };
Defined definedness_of(const torch::jit::Node& layer);

}  // namespace int8graph
