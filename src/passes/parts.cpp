#include "passes/parts.h"

#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>

#include "ops/graph_edit.h"
#include "ops/graph_walk.h"
#include "ops/operator_table.h"
#include "passes/quantizers.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

/// The node that makes a value, not the one that unpacks the list it comes in.
jit::Node* maker_of(const jit::Value& value) {
  jit::Node* node = const_cast<jit::Node*>(value.node());
  return node->kind() == c10::prim::ListUnpack ? node->input()->node() : node;
}

/// Whether a quantizer of the value is fused with what computes it, which views may follow.
bool takes_a_quantizer(const jit::Value& value) {
  const Operator* row = find_operator(*maker_of(value));
  if (row == nullptr) return false;
  if (row->moves_elements()) return takes_a_quantizer(*maker_of(value)->input(0));
  return row->is_compute() || row->op_class == OpClass::Add ||
         row->op_class == OpClass::Elementwise;
}

/// Finds the quantizers at the ends of all ways from a value, over views and parts of it. False if
/// some way ends elsewhere or in a quantizer with other parameters.
bool find_ends(const jit::Value& value, const QuantizerParameters& wanted,
               const WrittenValues& written, std::vector<jit::Node*>& ends) {
  if (written.contains(&value)) return false;
  for (const jit::Use& use : value.uses()) {
    if (use.user->kind() == c10::aten::size) continue;
    if (is_quantize(*use.user)) {
      if (parameters_at(*use.user) != wanted) return false;
      ends.push_back(use.user);
      continue;
    }
    if (!moves_elements(*use.user) || use.offset != 0) return false;
    const auto made = tensors_made_by(*use.user);
    if (made.empty()) return false;
    for (const jit::Value* tensor : made) {
      if (!find_ends(*tensor, wanted, written, ends)) return false;
    }
  }
  return true;
}

bool move_before_parts(jit::Node& quantize, const WrittenValues& written) {
  jit::Node* divider = maker_of(*quantize.input(0));
  const Operator* row = find_operator(*divider);
  if (row == nullptr || row->op_class != OpClass::Part) return false;
  jit::Value* whole = divider->input(0);
  const auto parameters = parameters_at(quantize);
  std::vector<jit::Node*> ends;
  if (!parameters || !takes_a_quantizer(*whole)) return false;
  if (!find_ends(*whole, *parameters, written, ends)) return false;
  jit::Value* quantized = insert_quantize(whole, *parameters, whole->node()->next());
  whole->replaceAllUsesAfterNodeWith(quantized->node(), quantized);
  for (jit::Node* end : ends) {
    replace(*end, end->input(0));
  }
  return true;
}

}  // namespace

std::vector<jit::Value*> tensors_made_by(jit::Node& node) {
  const auto outputs = node.outputs();
  if (outputs.size() != 1 || is_tensor(*outputs[0])) return outputs.vec();
  const auto& uses = outputs[0]->uses();
  if (uses.size() != 1 || uses[0].user->kind() != c10::prim::ListUnpack) return {};
  return uses[0].user->outputs().vec();
}

bool quantize_before_parts(jit::Block& block, const WrittenValues& written) {
  std::vector<jit::Node*> quantizers;
  for_each_node(block, [&](jit::Node& node) {
    if (is_quantize(node)) quantizers.push_back(&node);
  });
  // A move destroys quantizers, so the list ends with it.
  return std::ranges::any_of(
      quantizers, [&](jit::Node* quantize) { return move_before_parts(*quantize, written); });
}

}  // namespace int8graph
