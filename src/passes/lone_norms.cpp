#include "passes/lone_norms.h"

#include <ATen/core/Tensor.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>

#include <vector>

#include "ops/channel_affine.h"
#include "ops/graph_edit.h"
#include "ops/graph_walk.h"
#include "ops/node_arguments.h"
#include "ops/operator_table.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

/// Whether the convolution makes so many channels, as far as its weight tells: a transposed one's
/// has those of one group.
bool makes(const jit::Node& convolution, const Operator& row, int64_t channels) {
  const auto weight = constant_tensor(convolution.input(row.weight->argument));
  if (!weight || weight->dim() <= row.weight->channel_axis) return false;
  const int64_t in_weight = weight->size(row.weight->channel_axis);
  return row.weight->channel_axis == 0 ? channels == in_weight : channels % in_weight == 0;
}

/// How many dimensions stand behind the channels, `channels` of them (0: any); 0 if that is not
/// known. Layers take inputs without a batch, too. There a norm looks at another dimension, mostly
/// of another size; and a pool's name tells nothing of the convolution before it.
size_t spatial_dimensions_of(const jit::Value& value, int64_t channels) {
  const jit::Node& node = *value.node();
  if (node.kind() == c10::prim::ListConstruct && !node.inputs().empty()) {
    return spatial_dimensions_of(*node.input(0), 0);
  }
  const Operator* row = find_operator(node);
  if (row == nullptr) return 0;
  switch (row->op_class) {
    case OpClass::Conv:
      return channels == 0 || makes(node, *row, channels) ? row->spatial_dimensions() : 0;
    case OpClass::Pool:
    case OpClass::Average: {
      const size_t before = spatial_dimensions_of(*node.input(0), channels);
      return before == row->spatial_dimensions() ? before : 0;
    }
    case OpClass::Add:
    case OpClass::Elementwise:
    case OpClass::Concat:
    case OpClass::Norm:
    case OpClass::Quantizer:
      return spatial_dimensions_of(*node.input(0), channels);
    default:
      return node.kind() == c10::aten::addcmul ? spatial_dimensions_of(*node.input(1), channels)
                                               : 0;
  }
}

void write_as_addcmul(jit::Node& norm) {
  const auto affine = channel_affine(norm);
  if (!affine || affine->scale.scalar_type() != c10::kFloat) return;
  const size_t spatial = spatial_dimensions_of(*norm.input(0), affine->scale.numel());
  if (spatial == 0) return;
  std::vector<int64_t> sizes(spatial + 1, 1);  // [C, 1, 1]: broadcast over the batch, too
  sizes[0] = affine->scale.numel();
  jit::Graph& graph = *norm.owningGraph();
  const jit::WithInsertPoint guard(&norm);
  jit::Value* shift = graph.insertConstant(affine->shift.view(sizes));
  jit::Value* scale = graph.insertConstant(affine->scale.view(sizes));
  replace(norm, graph.insert(c10::aten::addcmul, {shift, norm.input(0), scale}));
}

}  // namespace

void write_lone_norms(jit::Block& block) {
  for_each_node(block, [](jit::Node& node) {
    if (node.kind() == c10::aten::batch_norm) write_as_addcmul(node);
  });
}

}  // namespace int8graph
