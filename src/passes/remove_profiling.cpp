#include "passes/remove_profiling.h"

#include <torch/csrc/jit/ir/ir.h>

#include "ops/graph_walk.h"

namespace int8graph {

namespace jit = torch::jit;

void remove_profiling(jit::Block& block) {
  for_each_node(block, [](jit::Node& node) {
    if (node.kind() != c10::prim::profile && node.kind() != c10::prim::profile_ivalue) return;
    if (!node.outputs().empty()) node.output()->replaceAllUsesWith(node.input(0));
    node.destroy();
  });
}

}  // namespace int8graph
