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

/// Whether the node is a compute operator of int8, or stands behind one by operators such as these.
bool is_behind_int8_compute(const jit::Node& node) {
  if (is_elementwise(node)) return is_behind_int8_compute(*node.input(0)->node());
  const Operator* row = find_operator(node);
  return row != nullptr && row->is_compute() &&
         std::ranges::any_of(node.inputs(), [](const jit::Value* input) {
           return input->node()->kind() == c10::aten::dequantize;
         });
}

/// A view that holds each element once: others would leave overlapping memory to their readers.
bool is_one_to_one(const jit::Node& node) {
  return moves_all_elements(node) && node.kind() != c10::aten::expand &&
         node.kind() != c10::aten::expand_as && node.kind() != c10::aten::upsample_nearest2d;
}

/// What makes a value that comes through one view or more, if it computes in int8, all are in one
/// block, and nothing else reads in between; null otherwise.
jit::Node* maker_behind_views(jit::Value& value) {
  jit::Node* node = value.node();
  const jit::Block* block = node->owningBlock();
  if (!is_one_to_one(*node)) return nullptr;
  while (is_one_to_one(*node)) {
    if (!has_one_reader(*node->output()) || node->owningBlock() != block) return nullptr;
    node = node->input(0)->node();
  }
  const bool is_fit = is_behind_int8_compute(*node) && has_one_reader(*node->output()) &&
                      node->owningBlock() == block;
  return is_fit ? node : nullptr;
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
    if (!is_elementwise(node)) return;
    const bool is_writing = written.contains(node.input(0)) || written.contains(node.output());
    const bool is_in_block = node.owningBlock() == node.input(0)->node()->owningBlock();
    if (is_writing || !is_in_block) return;
    jit::Node* maker = maker_behind_views(*node.input(0));
    if (maker == nullptr) return;
    insert_behind(*maker, node);
    replace(node, node.input(0));
  });
}

}  // namespace int8graph
