#include "passes/int8_lookup.h"

#include <ATen/ATen.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>

#include "ops/graph_walk.h"
#include "ops/node_arguments.h"
#include "ops/operator_table.h"
#include "passes/quantizers.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

/// What the operators of executor/lookup.h read: rows of symmetric int8, with a scale each or in
/// all.
bool is_int8_table(const at::Tensor& table) {
  const bool has_rows =
      table.scalar_type() == c10::kQInt8 && table.dim() == 2 && table.is_contiguous();
  const bool is_per_row =
      has_rows && table.qscheme() == at::kPerChannelAffine && table.q_per_channel_axis() == 0;
  return has_rows && (is_per_row || table.qscheme() == at::kPerTensorAffine) && is_symmetric(table);
}

bool reads_int8_table(const jit::Node& node) {
  const Operator* row = find_operator(node);
  if (row == nullptr || row->op_class != OpClass::Lookup) return false;
  const jit::Value* weight = node.input(row->weight->argument);
  if (weight->node()->kind() != c10::aten::dequantize) return false;
  const auto table = constant_tensor(weight);
  return table && is_int8_table(*table);
}

/// aten::embedding_bag has a form without its last argument, padding_idx.
void complete_arguments(jit::Node& node) {
  constexpr size_t kAllOfBag = 9;
  if (node.kind() != c10::aten::embedding_bag || node.inputs().size() == kAllOfBag) return;
  const jit::WithInsertPoint guard(&node);
  node.addInput(node.owningGraph()->insertConstant(c10::IValue()));
}

bool gives_rows_only(const jit::Node& node) {
  return std::ranges::all_of(node.outputs().slice(1),
                             [](const jit::Value* output) { return !output->hasUses(); });
}

}  // namespace

void look_up_in_int8(jit::Block& block) {
  for_each_node(block, [](jit::Node& node) {
    if (!reads_int8_table(node) || !gives_rows_only(node)) return;
    complete_arguments(node);
    read_int8_instead(node, find_operator(node)->weight->argument);
  });
}

}  // namespace int8graph
