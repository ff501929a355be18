#include "ops/attached_nodes.h"

#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>

#include "ops/lowering.h"
#include "ops/operator_table.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

bool is_tensor_list(const jit::Node& node) {
  return node.kind() == c10::prim::ListConstruct &&
         node.output()->type()->isSubtypeOf(*c10::ListType::ofTensors());
}

bool pads_with_zeros(const jit::Node& node) {
  if (node.kind() != c10::aten::pad) return false;
  const auto pads = jit::toIValue(node.input(1));
  const auto mode = jit::toIValue(node.input(2));
  const auto value = jit::toIValue(node.input(3));
  return pads && mode && value && is_zero_padding(*pads, *mode, *value);
}

/// The spatial dimensions of the convolution that reads there; 0 if none does.
size_t spatial_dimensions_of_reader(const jit::Use& use) {
  const Operator* row = find_operator(*use.user);
  const bool is_convolution = row != nullptr && row->lower == lower_convolution;
  return is_convolution && use.offset == 0 ? row->spatial_dimensions() : 0;
}

/// Whether the padding leaves batch and channels alone.
bool pads_spatially(const jit::Node& pad, size_t spatial) {
  return jit::toIValue(pad.input(1))->toIntVector().size() <= 2 * spatial;
}

}  // namespace

bool is_zero_padding(const c10::IValue& pads, const c10::IValue& mode, const c10::IValue& value) {
  if (!pads.isIntList()) return false;
  const bool zero = value.isNone() || value.toScalar().toDouble() == 0.0;
  const auto amounts = pads.toIntVector();
  const bool inward = std::ranges::any_of(amounts, [](int64_t amount) { return amount < 0; });
  return mode.toStringRef() == "constant" && zero && !inward;
}

bool is_attached(const jit::Node& node) {
  if (node.outputs().size() != 1 || node.output()->uses().size() != 1) return false;
  if (is_tensor_list(node)) return true;
  const size_t spatial = spatial_dimensions_of_reader(node.output()->uses().front());
  return pads_with_zeros(node) && pads_spatially(node, spatial);
}

bool is_part_of_its_reader(const jit::Node& node) {
  return node.kind() == c10::prim::Constant || is_attached(node);
}

std::optional<ZeroPadding> attached_padding(jit::Value* value, size_t spatial) {
  jit::Node* node = value->node();
  if (!pads_with_zeros(*node) || !is_attached(*node)) return {};
  // From the last dimension to the first: begin, end, begin, end, ...
  std::vector<int64_t> amounts = jit::toIValue(node->input(1))->toIntVector();
  amounts.resize(2 * spatial, 0);
  ZeroPadding padding{node->input(0), {}, {}};
  for (size_t d = spatial; d-- > 0;) {
    padding.begin.push_back(amounts[2 * d]);
    padding.end.push_back(amounts[2 * d + 1]);
  }
  return padding;
}

}  // namespace int8graph
