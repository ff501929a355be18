#pragma once

#include <cstdint>
#include <optional>

namespace at {
class Tensor;
}

namespace c10 {
struct Symbol;
}

namespace torch::jit {
struct Graph;
struct Node;
struct Value;
}  // namespace torch::jit

namespace int8graph {

/// The parameters of a per-tensor quantizer, as a TorchScript graph holds them.
struct QuantizerParameters {
  double scale;
  int64_t zero_point;
  int64_t dtype;  ///< a c10::ScalarType: kQUInt8 or kQInt8

  bool operator==(const QuantizerParameters&) const = default;
};

/// `int8graph::dequantize(x, scale, zero_point, dtype)`: what aten::dequantize does, with the
/// parameters in sight of graph mapping. It exists in optimized graphs only, never in artifacts.
c10::Symbol explicit_dequantize_symbol();

/// `int8graph::quantize_channels_last(x, scale, zero_point, dtype)`: what aten::quantize_per_tensor
/// does, with the result's channels side by side. In optimized graphs only, too.
c10::Symbol channels_last_quantize_symbol();

/// Whether the node is one of the two.
bool is_quantize(const torch::jit::Node& node);

/// Whether the node does nothing but quantize or dequantize, weights included.
bool is_quantizer(const torch::jit::Node& node);

/// Whether the node is aten::dequantize of an activation; weights are dequantized constants.
bool is_activation_dequantize(const torch::jit::Node& node);

/// Whether the node is a compute operator whose activations are all dequantized right before it.
bool computes_in_int8(torch::jit::Node& node);

/// What a quantize or an explicit dequantize says of itself; nothing if an argument is no constant.
std::optional<QuantizerParameters> parameters_at(const torch::jit::Node& quantizer);

/// The parameters of a quantized value, found at the quantizer that made it: through views, max
/// pools and joins of equally quantized values. Nothing if they are not known for sure.
std::optional<QuantizerParameters> parameters_of(const torch::jit::Value& quantized);

/// What oneDNN wants in the place of a weight: int8 without a zero point.
bool is_symmetric_int8(const QuantizerParameters& parameters);

/// Whether a quantized tensor, per tensor or per channel, has no zero point but 0.
bool is_symmetric(const at::Tensor& quantized);

/// New nodes before `before`: a quantizer of `value`, and a dequantizer of `quantized`.
torch::jit::Value* insert_quantize(torch::jit::Value* value, const QuantizerParameters& parameters,
                                   torch::jit::Node* before);
torch::jit::Value* insert_dequantize(torch::jit::Value* quantized, torch::jit::Node* before);

/// Replaces a node by int8graph's own operator of the same name, which reads int8 as it is:
///
///     %2 = aten::dequantize(%1)
///     %3 = aten::embedding(%2, ...)     ==>     %3 = int8graph::embedding(%1, ...)
///
/// @param input which of the node's inputs is dequantized
void read_int8_instead(torch::jit::Node& node, size_t input);

}  // namespace int8graph
