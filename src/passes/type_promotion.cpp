#include "passes/type_promotion.h"

#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>

#include "ops/graph_edit.h"
#include "ops/operator_table.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

bool converts(const jit::Node& node) {
  const auto* schema = node.maybeSchema();
  const auto position = schema != nullptr ? schema->argumentIndexWithName("dtype") : std::nullopt;
  return position && !node.input(static_cast<size_t>(*position))->mustBeNone();
}

/// What is made of several tensors is told by each; what is a list, only where it is unpacked.
bool makes_known_tensors(const jit::Node& node) {
  const auto is_known = [](const jit::Value* output) {
    return is_tensor(*output) || std::ranges::all_of(output->uses(), [](const jit::Use& use) {
             return use.user->kind() == c10::prim::ListUnpack;
           });
  };
  return std::ranges::all_of(node.outputs(), is_known) &&
         (node.outputs().size() == 1 || moves_elements(node));  // not a reduction's positions
}

}  // namespace

bool promotes(const jit::Node& node) {
  const Operator* row = find_operator(node);
  return row != nullptr && !row->is_compute() && row->op_class != OpClass::Quantizer &&
         row->op_class != OpClass::Lookup && row->name != "prelu" && row->name != "addcmul" &&
         !converts(node) && makes_known_tensors(node);
}

}  // namespace int8graph
