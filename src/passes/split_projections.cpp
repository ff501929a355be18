#include "passes/split_projections.h"

#include <ATen/ATen.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <vector>

#include "ops/graph_edit.h"
#include "ops/graph_walk.h"
#include "ops/node_arguments.h"
#include "passes/quantizers.h"
#include "passes/writes.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

/// The operators behind unflatten that bring the parts to the front.
struct Step {
  c10::Symbol kind;
  std::vector<int64_t> arguments;
};

const std::vector<Step>& steps() {
  static const std::vector<Step> table = {{c10::aten::unsqueeze, {0}},
                                          {c10::aten::transpose, {0, -2}},
                                          {c10::aten::squeeze, {-2}},
                                          {c10::aten::contiguous, {0}}};
  return table;
}

bool has_arguments(const jit::Node& node, const std::vector<int64_t>& arguments) {
  if (node.inputs().size() != arguments.size() + 1) return false;
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (constant_integer(node.input(i + 1)) != arguments[i]) return false;
  }
  return true;
}

/// Into how many parts aten::unflatten(y, -1, [parts, n]) divides the last dimension.
std::optional<int64_t> parts_of(const jit::Node& unflatten) {
  const jit::Node& sizes = *unflatten.input(2)->node();
  if (sizes.kind() != c10::prim::ListConstruct || sizes.inputs().size() != 2) return {};
  return constant_integer(unflatten.input(1)) == -1 ? constant_integer(sizes.input(0))
                                                    : std::nullopt;
}

/// The value behind all steps; null if they are others, or anybody else reads in between.
jit::Value* behind_steps(jit::Node& unflatten, const WrittenValues& written) {
  jit::Value* value = unflatten.output();
  for (const auto& [kind, arguments] : steps()) {
    if (value->uses().size() != 1 || written.contains(value)) return nullptr;
    jit::Node& next = *value->uses().front().user;
    if (next.kind() != kind || !has_arguments(next, arguments)) return nullptr;
    value = next.output();
  }
  return written.contains(value) ? nullptr : value;
}

/// The readers of the packed value; empty unless all of them take one part.
std::vector<jit::Node*> selects_of(const jit::Value& packed, int64_t parts,
                                   const WrittenValues& written) {
  std::vector<jit::Node*> selects;
  for (const jit::Use& use : packed.uses()) {
    const bool is_select = use.user->kind() == c10::aten::select &&
                           constant_integer(use.user->input(1)) == 0 &&
                           constant_integer(use.user->input(2));
    if (!is_select || written.contains(use.user->output())) return {};
    const int64_t part = *constant_integer(use.user->input(2));
    if (part < 0 || part >= parts) return {};
    selects.push_back(use.user);
  }
  return selects;
}

at::Tensor rows_of(const at::Tensor& weight, int64_t first, int64_t count) {
  const at::Tensor rows = weight.int_repr().narrow(0, first, count);
  if (weight.qscheme() == at::kPerTensorAffine) {
    return at::_make_per_tensor_quantized_tensor(rows, weight.q_scale(), weight.q_zero_point());
  }
  return at::_make_per_channel_quantized_tensor(
      rows, weight.q_per_channel_scales().narrow(0, first, count),
      weight.q_per_channel_zero_points().narrow(0, first, count), weight.q_per_channel_axis());
}

/// A constant int8 weight whose rows can be taken apart.
std::optional<at::Tensor> weight_of(const jit::Node& linear, int64_t parts) {
  if (linear.input(1)->node()->kind() != c10::aten::dequantize) return {};
  auto weight = constant_tensor(linear.input(1));
  if (!weight || parts < 1 || weight->size(0) % parts != 0) return {};
  const bool by_rows =
      weight->qscheme() == at::kPerTensorAffine || weight->q_per_channel_axis() == 0;
  return by_rows ? weight : std::nullopt;
}

void split(jit::Node& unflatten, const WrittenValues& written) {
  jit::Node& linear = *unflatten.input(0)->node();
  const auto parts = parts_of(unflatten);
  if (linear.kind() != c10::aten::linear || !parts || linear.output()->uses().size() != 1) return;
  jit::Value* packed = behind_steps(unflatten, written);
  const auto weight = weight_of(linear, *parts);
  const auto bias = constant_tensor(linear.input(2));
  if (packed == nullptr || !weight || (!bias && !linear.input(2)->mustBeNone())) return;

  jit::Graph& graph = *linear.owningGraph();
  const jit::WithInsertPoint guard(&unflatten);
  const int64_t rows = weight->size(0) / *parts;
  for (jit::Node* select : selects_of(*packed, *parts, written)) {
    const int64_t first = rows * *constant_integer(select->input(2));
    jit::Value* part = graph.insertConstant(rows_of(*weight, first, rows));
    jit::Value* summand =
        bias ? graph.insertConstant(bias->narrow(0, first, rows).clone()) : linear.input(2);
    jit::Value* weight_of_part = insert_dequantize(part, &unflatten);
    replace(*select, graph.insert(c10::aten::linear, {linear.input(0), weight_of_part, summand}));
  }
}

}  // namespace

void split_projections(const std::shared_ptr<jit::Graph>& graph) {
  const WrittenValues written = written_values(*graph);
  for_each_node(*graph->block(), [&](jit::Node& node) {
    if (node.kind() == c10::aten::unflatten) split(node, written);
  });
}

}  // namespace int8graph
