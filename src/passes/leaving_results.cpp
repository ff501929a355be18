#include "passes/leaving_results.h"

#include <torch/csrc/jit/ir/alias_analysis.h>
#include <torch/csrc/jit/ir/ir.h>

#include <vector>

#include "ops/graph_walk.h"
#include "passes/partition_node.h"

namespace int8graph {

namespace jit = torch::jit;

void mark_leaving_results(const std::shared_ptr<jit::Graph>& graph) {
  const jit::AliasDb aliases(graph);
  for_each_node(*graph->block(), [&](jit::Node& node) {
    if (node.kind() != partition_symbol()) return;
    const bool leave = aliases.escapesScope(node.outputs());
    set_results_leave(node, leave);
    if (leave) set_reusable_inputs(node, std::vector<bool>(node.inputs().size(), false));
  });
}

}  // namespace int8graph
