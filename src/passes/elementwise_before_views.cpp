#include "passes/elementwise_before_views.h"

#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>

#include "ops/graph_edit.h"
#include "ops/graph_walk.h"
#include "ops/operator_table.h"
#include "passes/writes.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

/// Whether the operator works on each element of its first input alone.
bool is_elementwise(const jit::Node& node) {
  const Operator* row = find_operator(node);
  if (row == nullptr || row->op_class != OpClass::Elementwise) return false;
  return std::ranges::all_of(node.inputs().slice(1), [](const jit::Value* argument) {
    return argument->node()->kind() == c10::prim::Constant && !is_tensor(*argument);
  });
}

/// Whether one operator reads the value, apart from what reads its size.
bool has_one_reader(const jit::Value& value) {
  return std::ranges::count_if(value.uses(), [](const jit::Use& use) {
           return use.user->kind() != c10::aten::size;
         }) == 1;
}

/// Whether the node is a compute operator, or fuses with the one before it.
bool is_fused_compute(const jit::Node& node) {
  if (is_elementwise(node)) return is_fused_compute(*node.input(0)->node());
  const Operator* row = find_operator(node);
  return row != nullptr && row->is_compute();
}

/// What makes a value that comes through one view or more, if it is an operator that fuses, all are
/// in one block, and nothing else reads in between; null otherwise.
jit::Node* maker_behind_views(jit::Value& value, const WrittenValues& written) {
  const auto is_read_once = [&](const jit::Node& node) {
    return node.outputs().size() == 1 && has_one_reader(*node.output()) &&
           !written.contains(node.output()) && node.owningBlock() == value.node()->owningBlock();
  };
  jit::Node* node = value.node();
  if (!moves_all_elements(*node)) return nullptr;
  while (moves_all_elements(*node)) {
    if (!is_read_once(*node)) return nullptr;
    node = node->input(0)->node();
  }
  return is_fused_compute(*node) && is_read_once(*node) ? node : nullptr;
}

/// The operator again, now of the maker's result, which all readers but it read from here on.
void insert_behind(jit::Node& maker, jit::Node& elementwise) {
  jit::Node* moved =
      maker.owningGraph()->createClone(&elementwise, [](jit::Value* argument) { return argument; });
  moved->insertAfter(&maker);
  moved->output()->setType(maker.output()->type());
  maker.output()->replaceAllUsesWith(moved->output());
  moved->replaceInput(0, maker.output());
  for (jit::Value* argument : moved->inputs().slice(1)) {
    if (maker.isBefore(argument->node())) argument->node()->moveBefore(&maker);
  }
}

}  // namespace

void move_elementwise_before_views(jit::Block& block) {
  const auto written = written_values(*block.owningGraph());
  for_each_node(block, [&](jit::Node& node) {
    if (!is_elementwise(node) || written.contains(node.input(0)) ||
        written.contains(node.output()) ||
        node.owningBlock() != node.input(0)->node()->owningBlock()) {
      return;
    }
    jit::Node* maker = maker_behind_views(*node.input(0), written);
    if (maker == nullptr) return;
    insert_behind(*maker, node);
    replace(node, node.input(0));
  });
}

}  // namespace int8graph
