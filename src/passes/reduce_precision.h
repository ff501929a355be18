#pragma once

#include <c10/core/ScalarType.h>

#include <memory>
#include <unordered_set>

namespace torch::jit {
struct Graph;
struct Node;
}  // namespace torch::jit

namespace int8graph {

using FloatingNodes = std::unordered_set<const torch::jit::Node*>;

/// Lets what is left in fp32 of a graph with quantizers compute in bfloat16 or float16, where
/// torch.autocast would.
///
///     %d = aten::dequantize(%q)                        %d = aten::dequantize(%q)
///     %y = aten::conv2d(%d, %v, %b, ...)               %y = aten::conv2d(%d, %v, %b, ...)
///     %z = aten::conv2d(%y, %w, %c, ...)        ==>    %l = aten::to(%y, 15, ...)
///     return (%z)                                      %z = aten::conv2d(%l, %w', %c', ...)
///                                                      return (%z)
///
/// Convolutions, linear layers and matmuls that are not in int8 read the reduced dtype, their
/// weights too. Results go on in it through every operator with a row in the table, as long as all
/// tensors that it computes with are such results; with others it computes in fp32, as PyTorch's
/// type promotion has it. What an int8 operator makes goes on in the reduced dtype, too, but behind
/// what fuses with it: element-wise operators, and all that leads to the next quantizer.
/// Quantizers, operators without a row, and nested blocks' results are given fp32.
/// @param floating the compute operators that may be reduced: others may compute with integers.
void reduce_precision(std::shared_ptr<torch::jit::Graph>& graph, c10::ScalarType dtype,
                      const FloatingNodes& floating);

/// The compute operators with constant weights: those of a graph that compute with floats for sure.
FloatingNodes layers_of(torch::jit::Graph& graph);

}  // namespace int8graph
