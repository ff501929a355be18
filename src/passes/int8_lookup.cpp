#include "passes/int8_lookup.h"

#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>
#include <string>

#include "ops/graph_walk.h"
#include "ops/node_arguments.h"
#include "ops/operator_table.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

bool reads_int8_table(const jit::Node& node) {
  const Operator* row = find_operator(node);
  if (row == nullptr || row->op_class != OpClass::Lookup) return false;
  const jit::Value* table = node.input(row->weight->argument);
  return table->node()->kind() == c10::aten::dequantize && constant_tensor(table);
}

bool gives_rows_only(const jit::Node& node) {
  return std::ranges::all_of(node.outputs().slice(1),
                             [](const jit::Value* output) { return !output->hasUses(); });
}

}  // namespace

void look_up_in_int8(jit::Block& block) {
  for_each_node(block, [](jit::Node& node) {
    if (!reads_int8_table(node) || !gives_rows_only(node)) return;
    const std::string name = std::string("int8graph::") + node.kind().toUnqualString();
    const size_t table = find_operator(node)->weight->argument;
    jit::Node* lookup = node.replaceWithNewSymbol(c10::Symbol::fromQualString(name));
    lookup->replaceInput(table, lookup->input(table)->node()->input(0));
    node.destroy();
  });
}

}  // namespace int8graph
