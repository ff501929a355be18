#pragma once

#include <functional>

namespace torch::jit {
struct Block;
struct Node;
}  // namespace torch::jit

namespace int8graph {

/// Visits every node of a block; the nodes of a nested block come before the one that holds it.
/// `visit` may destroy its node. What it inserts before its node or right behind it is not visited.
void for_each_node(torch::jit::Block& block, const std::function<void(torch::jit::Node&)>& visit);

/// Whether the predicate holds for some node of a block or of a nested one.
bool any_node(const torch::jit::Block& block,
              const std::function<bool(const torch::jit::Node&)>& predicate);

}  // namespace int8graph
