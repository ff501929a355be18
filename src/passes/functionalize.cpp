#include "passes/functionalize.h"

#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/remove_mutation.h>

#include "passes/writes.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

template <typename Visit>
void for_each_node(jit::Block& block, const Visit& visit) {
  for (auto it = block.nodes().begin(); it != block.nodes().end();) {
    jit::Node* node = *it++;
    for (jit::Block* inner : node->blocks()) for_each_node(*inner, visit);
    visit(*node);
  }
}

void reshape_instead_of_view(jit::Node& node) {
  if (node.kind() != c10::aten::view || node.inputs().size() != 2 ||
      !node.input(1)->type()->isSubtypeOf(*c10::ListType::ofInts())) {
    return;  // view(dtype) reinterprets bytes; it is no reshape
  }
  jit::Graph& graph = *node.owningGraph();
  jit::Node* reshape = graph.create(c10::aten::reshape, node.inputs(), 1);
  reshape->insertBefore(&node);
  reshape->output()->copyMetadata(node.output());
  node.output()->replaceAllUsesWith(reshape->output());
  node.destroy();
}

}  // namespace

void functionalize(const std::shared_ptr<jit::Graph>& graph) {
  jit::RemoveTensorMutation(graph);
  bool writes_remain = false;
  for_each_node(*graph->block(),
                [&](const jit::Node& node) { writes_remain |= writes_in_place(node); });
  if (!writes_remain) for_each_node(*graph->block(), reshape_instead_of_view);
}

}  // namespace int8graph
