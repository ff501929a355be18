#include "passes/layout_propagation.h"

#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>
#include <unordered_set>

#include "ops/graph_walk.h"
#include "ops/node_arguments.h"
#include "ops/operator_table.h"
#include "passes/partition_node.h"
#include "passes/writes.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

bool holds_tensors(const c10::Type& type) {
  return type.kind() == c10::TypeKind::TensorType ||
         std::ranges::any_of(type.containedTypes(),
                             [](const c10::TypePtr& inner) { return holds_tensors(*inner); });
}

/// Whether somebody reads a value who may depend on its strides: the caller, or an operator that
/// asks for them, perhaps behind others. PyTorch's operators mostly lay their results out as what
/// they read, so only partitions, which decide anew, end the search.
class StrideReaders {
 public:
  bool read(const jit::Value& value) {
    if (!seen_.insert(&value).second) return false;
    return std::ranges::any_of(value.uses(),
                               [this](const jit::Use& use) { return reads(*use.user); });
  }

 private:
  bool reads(const jit::Node& user) {
    switch (user.kind()) {
      case c10::prim::Return:
      case c10::aten::view:
      case c10::aten::as_strided:
      case c10::aten::stride:
      case c10::aten::is_contiguous:
        return true;
      case c10::prim::Loop:
      case c10::prim::SetAttr:
        return true;
      default:
        return user.kind() != partition_symbol() && (results_read(user) || written_read(user));
    }
  }

  bool results_read(const jit::Node& user) {
    return std::ranges::any_of(user.outputs(), [this](const jit::Value* output) {
      return holds_tensors(*output->type()) && read(*output);
    });
  }

  /// The list or dict that it puts a value into.
  bool written_read(const jit::Node& user) {
    for (size_t i = 0; i < user.inputs().size(); ++i) {
      if (writes_to(user, i) && read(*user.input(i))) return true;
    }
    return false;
  }

  std::unordered_set<const jit::Value*>
      seen_;  // which nobody reads so, or which are being followed
};

bool swaps_1_and_2(const jit::Node& node) {
  const auto integer = [&](size_t i) { return constant_integer(node.input(i)); };
  if (node.kind() == c10::aten::transpose) return integer(1) == 1 && integer(2) == 2;
  if (node.kind() != c10::aten::permute) return false;
  const auto order = jit::constant_as<c10::List<int64_t>>(node.input(1));
  return order && order->vec() == std::vector<int64_t>{0, 2, 1, 3};
}

/// Whether all readers swap dimensions 1 and 2 before they do anything else.
bool is_read_swapped(const jit::Value& value) {
  return value.hasUses() && std::ranges::all_of(value.uses(), [](const jit::Use& use) {
           const jit::Node& user = *use.user;
           if (user.kind() == c10::aten::size) return true;
           if (user.kind() == c10::aten::reshape) return is_read_swapped(*user.output());
           return swaps_1_and_2(user);
         });
}

OutputLayout layout_of(const jit::Value& output) {
  if (StrideReaders().read(output)) return OutputLayout::Contiguous;
  return is_read_swapped(output) ? OutputLayout::HeadsInside : OutputLayout::Any;
}

/// Whether what a node makes lies in a buffer of its own.
bool makes_buffers(const jit::Node& node) {
  return node.kind() == partition_symbol() || node.kind() == c10::aten::layer_norm;
}

}  // namespace

void propagate_layouts(jit::Block& block) {
  for_each_node(block, [](jit::Node& node) {
    if (node.kind() != partition_symbol()) return;
    std::vector<OutputLayout> layouts;
    for (const jit::Value* output : node.outputs()) {
      layouts.push_back(layout_of(*output));
    }
    set_output_layouts(node, layouts);
    std::vector<bool> reusable;
    for (const jit::Value* input : node.inputs()) {
      reusable.push_back(makes_buffers(*input->node()));
    }
    set_reusable_inputs(node, reusable);
  });
}

}  // namespace int8graph
