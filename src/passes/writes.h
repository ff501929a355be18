#pragma once

#include <cstddef>
#include <unordered_set>

namespace torch::jit {
struct Graph;
struct Node;
struct Value;
}  // namespace torch::jit

namespace int8graph {

/// Whether the node writes to one of its inputs.
bool writes_in_place(const torch::jit::Node& node);

/// Whether it writes to this one of them.
bool writes_to(const torch::jit::Node& node, size_t input);

using WrittenValues = std::unordered_set<const torch::jit::Value*>;

/// The values whose memory some node of the graph writes to, be it through a view. What is done for
/// one of them must not be moved: it would see other numbers. Most graphs have none left.
WrittenValues written_values(torch::jit::Graph& graph);

}  // namespace int8graph
