#include "passes/channels_last_quantizers.h"

#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>

#include "ops/attached_nodes.h"
#include "ops/graph_edit.h"
#include "ops/graph_walk.h"
#include "ops/operator_table.h"
#include "passes/partition_node.h"
#include "passes/quantizers.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

/// Whether nobody but convolutions reads the value, as their source: dequantized, maybe with zeros
/// around it.
bool is_convolved(const jit::Value& value) {
  return value.hasUses() && std::ranges::all_of(value.uses(), [](const jit::Use& use) {
           const jit::Node& reader = *use.user;
           if (reader.kind() == explicit_dequantize_symbol() || is_attached(reader)) {
             return is_convolved(*reader.output());
           }
           const Operator* row = find_operator(reader);
           return row != nullptr && row->op_class == OpClass::Conv && use.offset == 0;
         });
}

bool is_convolved_by_partitions(const jit::Value& value) {
  return value.hasUses() && std::ranges::all_of(value.uses(), [](const jit::Use& use) {
           return use.user->kind() == partition_symbol() &&
                  is_convolved(*use.user->g(c10::attr::Subgraph)->inputs()[use.offset]);
         });
}

}  // namespace

void quantize_channels_last(jit::Block& block) {
  for_each_node(block, [](jit::Node& node) {
    if (!is_quantize(node) || !is_convolved_by_partitions(*node.output())) return;
    const jit::WithInsertPoint guard(&node);
    jit::Graph& graph = *node.owningGraph();
    jit::Node* turned =
        graph.insertNode(graph.create(channels_last_quantize_symbol(), node.inputs()));
    turned->output()->setType(node.output()->type());
    replace(node, turned->output());
  });
}

}  // namespace int8graph
