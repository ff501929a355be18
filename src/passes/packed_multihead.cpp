#include <torch/csrc/jit/ir/ir.h>

#include "ops/node_arguments.h"
#include "passes/packed_forms.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

using Integers = std::vector<int64_t>;

/// An operator behind unflatten that brings the parts to the front.
struct Step {
  c10::Symbol kind;
  Integers arguments;
};

const std::vector<Step>& steps() {
  static const std::vector<Step> table = {{c10::aten::unsqueeze, {0}},
                                          {c10::aten::transpose, {0, -2}},
                                          {c10::aten::squeeze, {-2}},
                                          {c10::aten::contiguous, {0}}};
  return table;
}

bool has_arguments(const jit::Node& node, const Integers& arguments) {
  if (node.inputs().size() != arguments.size() + 1) return false;
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (constant_integer(node.input(i + 1)) != arguments[i]) return false;
  }
  return true;
}

/// Into how many parts aten::unflatten(y, -1, [parts, n]) divides the last dimension.
std::optional<int64_t> parts_of(jit::Node& unflatten) {
  const auto sizes = elements_of(*unflatten.input(2));
  if (!sizes || sizes->size() != 2 || constant_integer(unflatten.input(1)) != -1) return {};
  return constant_integer(sizes->front());
}

}  // namespace

std::optional<PackedViews> parts_of_multihead_attention(const PackedLayer& layer,
                                                        const WrittenValues& written) {
  const int64_t channels = layer.outputs;
  jit::Node* unflatten = only_reader(*layer.packed, written);
  if (unflatten == nullptr || unflatten->kind() != c10::aten::unflatten) return {};
  const auto parts = parts_of(*unflatten);
  if (!parts || *parts < 1 || channels % *parts != 0) return {};
  jit::Value* value = unflatten->output();
  for (const auto& [kind, arguments] : steps()) {
    jit::Node* next = only_reader(*value, written);
    if (next == nullptr || next->kind() != kind || !has_arguments(*next, arguments)) return {};
    value = next->output();
  }
  if (written.contains(value)) return {};
  return PackedViews{parts_along(*value, 0, 0, *parts, channels / *parts),
                     [](jit::Value* part, int64_t /*count*/) { return part; }};
}

}  // namespace int8graph
