#include "passes/functionalize.h"

#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/remove_mutation.h>

#include "ops/graph_walk.h"
#include "ops/operator_table.h"
#include "passes/writes.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

void reshape_instead_of_view(jit::Node& node) {
  if (node.kind() != c10::aten::view || find_operator(node) == nullptr) return;  // view(dtype)
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
  if (!any_node(*graph->block(), writes_in_place)) {
    for_each_node(*graph->block(), reshape_instead_of_view);
  }
}

}  // namespace int8graph
