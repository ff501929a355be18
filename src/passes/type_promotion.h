#pragma once

namespace torch::jit {
struct Node;
}

namespace int8graph {

/// Whether the outputs have the dtype that PyTorch's type promotion gives the operands: of
/// operators with a row but those that compute, quantize or look up, and but prelu and addcmul,
/// which want tensors of one dtype. Not if an argument asks for a dtype, as softmax's and mean's
/// may.
bool promotes(const torch::jit::Node& node);

}  // namespace int8graph
