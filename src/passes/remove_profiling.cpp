#include "passes/remove_profiling.h"

#include <torch/csrc/jit/ir/ir.h>

namespace int8graph {

namespace jit = torch::jit;

void remove_profiling(jit::Block& block) {
  for (auto it = block.nodes().begin(); it != block.nodes().end();) {
    jit::Node* node = *it++;
    for (jit::Block* inner : node->blocks()) remove_profiling(*inner);
    if (node->kind() != c10::prim::profile && node->kind() != c10::prim::profile_ivalue) continue;
    if (!node->outputs().empty()) node->output()->replaceAllUsesWith(node->input(0));
    node->destroy();
  }
}

}  // namespace int8graph
