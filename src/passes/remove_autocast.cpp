#include "passes/remove_autocast.h"

#include <ATen/core/Tensor.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>

#include "ops/graph_edit.h"
#include "ops/graph_walk.h"
#include "ops/node_arguments.h"
#include "passes/quantizers.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

bool is_cast(const jit::Node& node) {
  return node.kind() == c10::aten::_autocast_to_reduced_precision ||
         node.kind() == c10::aten::_autocast_to_full_precision;
}

void widen_constants(jit::Node& node) {
  const jit::WithInsertPoint guard(&node);
  for (size_t i = 0; i < node.inputs().size(); ++i) {
    const auto constant = constant_tensor(node.input(i));
    if (!constant || !c10::isReducedFloatingType(constant->scalar_type())) continue;
    node.replaceInput(i, node.owningGraph()->insertConstant(constant->to(c10::kFloat)));
  }
}

}  // namespace

void remove_autocast(jit::Block& block) {
  bool some = false;
  for_each_node(block, [&](jit::Node& node) {
    if (!is_cast(node)) return;
    replace(node, node.input(0));
    some = true;
  });
  if (!some) return;
  for_each_node(block, [](jit::Node& node) {
    if (computes_in_int8(node)) widen_constants(node);
  });
}

}  // namespace int8graph
