#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace torch::jit {
struct Graph;
struct Node;
}  // namespace torch::jit

namespace int8graph {

/// A graph from TorchScript's text form. Its inputs of the given names become constants.
std::shared_ptr<torch::jit::Graph> ir(
    const std::string& text, const std::vector<std::pair<std::string, at::Tensor>>& constants = {});

/// The one node of that kind, such as "aten::relu"; a test failure and an exception otherwise.
torch::jit::Node* find_node(torch::jit::Graph& graph, const std::string& kind);

/// A graph in a form to compare with: values that nodes make are named a, b, c ... in order,
/// constants are written in place, tensors as `tensor` (numbers of no dimension as {0.125}).
///
///     a = aten::conv2d(x, tensor, None, [1, 1], [0, 0], [1, 1], 1)
///     b = aten::relu(a)
///     return b
std::string picture_of(const torch::jit::Graph& graph);

/// A constant weight as artifacts hold it: symmetric int8, one scale for each output channel.
at::Tensor int8_weight(at::IntArrayRef sizes, int64_t channel_axis = 0);

}  // namespace int8graph
