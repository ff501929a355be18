#include "quantize/fold_batch_norm.h"

#include <ATen/ATen.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>

#include <vector>

#include "ops/channel_affine.h"
#include "ops/graph_edit.h"
#include "ops/graph_walk.h"
#include "ops/lowering.h"
#include "ops/node_arguments.h"
#include "ops/operator_table.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

/// Positions in the schemas of aten::conv_transpose*d.
enum Argument : size_t { kWeight = 1, kBias = 2, kGroups = 6 };

bool is_transposed_convolution(const jit::Node& node) {
  const Operator* row = find_operator(node);
  return row != nullptr && row->lower == lower_conv_transpose;
}

/// [in, out / groups, ...] with each output channel times its factor.
at::Tensor scaled(const at::Tensor& weight, const at::Tensor& scale, int64_t groups) {
  const at::Tensor by_group = weight.unflatten(0, {groups, weight.size(0) / groups});
  std::vector<int64_t> sizes(static_cast<size_t>(by_group.dim()), 1);
  sizes[0] = groups;
  sizes[2] = weight.size(1);
  return (by_group * scale.view(sizes)).flatten(0, 1).contiguous();
}

bool fold(jit::Node& norm) {
  jit::Node* conv = norm.input(0)->node();
  if (!is_transposed_convolution(*conv) || conv->output()->uses().size() != 1) return false;
  const auto affine = channel_affine(norm);
  const auto weight = constant_tensor(conv->input(kWeight));
  const auto bias = constant_tensor(conv->input(kBias));
  const auto groups = jit::toIValue(conv->input(kGroups));
  if (!affine || !weight || !groups || !(bias || conv->input(kBias)->mustBeNone())) return false;
  const at::Tensor shift = bias ? *bias * affine->scale + affine->shift : affine->shift;
  jit::Graph& graph = *norm.owningGraph();
  const jit::WithInsertPoint guard(conv);
  conv->replaceInput(kWeight,
                     graph.insertConstant(scaled(*weight, affine->scale, groups->toInt())));
  conv->replaceInput(kBias, graph.insertConstant(shift));
  replace(norm, conv->output());
  return true;
}

}  // namespace

bool fold_batch_norms_into_transposed(jit::Block& block) {
  bool changed = false;
  for_each_node(block, [&](jit::Node& node) {
    if (node.kind() == c10::aten::batch_norm) changed |= fold(node);
  });
  return changed;
}

}  // namespace int8graph
