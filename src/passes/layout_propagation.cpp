#include "passes/layout_propagation.h"

#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>

#include "passes/partition_node.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

bool leaves_graph(const jit::Value& value) {
  return std::ranges::any_of(value.uses(), [](const jit::Use& use) {
    const auto kind = use.user->kind();
    if (kind == c10::prim::Return) return true;
    const bool packs = kind == c10::prim::TupleConstruct || kind == c10::prim::ListConstruct ||
                       kind == c10::prim::DictConstruct;
    return packs && leaves_graph(*use.user->output());
  });
}

}  // namespace

void propagate_layouts(jit::Block& block) {
  for (jit::Node* node : block.nodes()) {
    for (jit::Block* inner : node->blocks()) propagate_layouts(*inner);
    if (node->kind() != partition_symbol()) continue;
    std::vector<OutputLayout> layouts;
    for (const jit::Value* output : node->outputs()) {
      layouts.push_back(leaves_graph(*output) ? OutputLayout::Contiguous : OutputLayout::Any);
    }
    set_output_layouts(*node, layouts);
    std::vector<bool> reusable;
    for (const jit::Value* input : node->inputs()) {
      reusable.push_back(input->node()->kind() == partition_symbol());
    }
    set_reusable_inputs(*node, reusable);
  }
}

}  // namespace int8graph
