#pragma once

namespace torch::jit {
struct Node;
struct Value;
}  // namespace torch::jit

namespace int8graph {

/// Lets all readers of a node's one output read `by` instead, and destroys the node.
void replace(torch::jit::Node& node, torch::jit::Value* by);

/// Whether a value is a tensor, as far as its type tells.
bool is_tensor(const torch::jit::Value& value);

}  // namespace int8graph
