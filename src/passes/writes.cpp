#include "passes/writes.h"

#include <torch/csrc/jit/ir/alias_analysis.h>
#include <torch/csrc/jit/ir/ir.h>

#include "ops/graph_walk.h"

namespace int8graph {

namespace jit = torch::jit;

bool writes_in_place(const jit::Node& node) {
  const auto* schema = node.maybeSchema();
  return schema != nullptr && schema->is_mutable();
}

bool writes_to(const jit::Node& node, size_t input) {
  const auto* schema = node.maybeSchema();
  if (schema == nullptr || input >= schema->arguments().size()) return false;
  const auto* aliases = schema->arguments()[input].alias_info();
  return aliases != nullptr && aliases->isWrite();
}

WrittenValues written_values(jit::Graph& graph) {
  WrittenValues written;
  if (!any_node(*graph.block(), writes_in_place)) return written;
  const jit::AliasDb aliases(graph.shared_from_this());
  const auto gather = [&](const auto& values) {
    for (const jit::Value* value : values) {
      if (aliases.hasWriters(value)) written.insert(value);
    }
  };
  gather(graph.inputs());
  for_each_node(*graph.block(), [&](const jit::Node& node) {
    gather(node.outputs());
    for (const jit::Block* inner : node.blocks()) gather(inner->inputs());
  });
  return written;
}

}  // namespace int8graph
