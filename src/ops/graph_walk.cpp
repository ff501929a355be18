#include "ops/graph_walk.h"

#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>

namespace int8graph {

namespace jit = torch::jit;

void for_each_node(jit::Block& block, const std::function<void(jit::Node&)>& visit) {
  for (auto it = block.nodes().begin(); it != block.nodes().end();) {
    jit::Node* node = *it++;
    for (jit::Block* inner : node->blocks()) for_each_node(*inner, visit);
    visit(*node);
  }
}

bool any_node(const jit::Block& block, const std::function<bool(const jit::Node&)>& predicate) {
  return std::ranges::any_of(block.nodes(), [&](const jit::Node* node) {
    return predicate(*node) || std::ranges::any_of(node->blocks(), [&](const jit::Block* inner) {
             return any_node(*inner, predicate);
           });
  });
}

}  // namespace int8graph
