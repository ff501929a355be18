#pragma once

namespace torch::jit {
struct Value;
}

namespace int8graph {

/// Whether a value holds floats for sure, whatever the model is called with: the result of a
/// convolution, linear layer, norm, average or dequantize, or what is computed from such a value
/// element-wise or by a product, or moved. A clamp of integers, say, has no other type in a graph
/// than one of floats.
bool is_surely_float(const torch::jit::Value& value);

}  // namespace int8graph
