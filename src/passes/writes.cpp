#include "passes/writes.h"

#include <torch/csrc/jit/ir/alias_analysis.h>
#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>

namespace int8graph {

namespace jit = torch::jit;

namespace {

bool holds_write(const jit::Block& block) {
  return std::ranges::any_of(block.nodes(), [](const jit::Node* node) {
    return writes_in_place(*node) ||
           std::ranges::any_of(node->blocks(),
                               [](const jit::Block* inner) { return holds_write(*inner); });
  });
}

void gather(jit::Block& block, const jit::AliasDb& aliases,
            std::unordered_set<const jit::Value*>& written) {
  for (const jit::Value* input : block.inputs()) {
    if (aliases.hasWriters(input)) written.insert(input);
  }
  for (jit::Node* node : block.nodes()) {
    for (const jit::Value* output : node->outputs()) {
      if (aliases.hasWriters(output)) written.insert(output);
    }
    for (jit::Block* inner : node->blocks()) gather(*inner, aliases, written);
  }
}

}  // namespace

bool writes_in_place(const jit::Node& node) {
  const auto* schema = node.maybeSchema();
  return schema != nullptr && schema->is_mutable();
}

std::unordered_set<const jit::Value*> written_values(jit::Graph& graph) {
  std::unordered_set<const jit::Value*> written;
  if (holds_write(*graph.block())) {
    gather(*graph.block(), jit::AliasDb(graph.shared_from_this()), written);
  }
  return written;
}

}  // namespace int8graph
