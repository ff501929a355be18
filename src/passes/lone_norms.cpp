#include "passes/lone_norms.h"

#include <ATen/core/Tensor.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>

#include <vector>

#include "ops/channel_affine.h"
#include "ops/graph_walk.h"
#include "ops/operator_table.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

/// How many dimensions stand behind the channels; 0 if that is not known.
size_t spatial_dimensions_of(const jit::Value& value) {
  const jit::Node& node = *value.node();
  if (node.kind() == c10::prim::ListConstruct && !node.inputs().empty()) {
    return spatial_dimensions_of(*node.input(0));
  }
  const Operator* row = find_operator(node);
  if (row == nullptr) return 0;
  switch (row->op_class) {
    case OpClass::Conv:
    case OpClass::Pool:
      return row->spatial_dimensions();
    case OpClass::Add:
    case OpClass::Elementwise:
    case OpClass::Concat:
    case OpClass::Norm:
    case OpClass::Quantizer:
      return spatial_dimensions_of(*node.input(0));
    default:
      return node.kind() == c10::aten::addcmul ? spatial_dimensions_of(*node.input(1)) : 0;
  }
}

void write_as_addcmul(jit::Node& norm) {
  const auto affine = channel_affine(norm);
  const size_t spatial = spatial_dimensions_of(*norm.input(0));
  if (!affine || spatial == 0 || affine->scale.scalar_type() != c10::kFloat) return;
  std::vector<int64_t> sizes(spatial + 1, 1);  // [C, 1, 1]: broadcast over the batch, too
  sizes[0] = affine->scale.numel();
  jit::Graph& graph = *norm.owningGraph();
  const jit::WithInsertPoint guard(&norm);
  jit::Value* shift = graph.insertConstant(affine->shift.view(sizes));
  jit::Value* scale = graph.insertConstant(affine->scale.view(sizes));
  jit::Value* result = graph.insert(c10::aten::addcmul, {shift, norm.input(0), scale});
  norm.output()->replaceAllUsesWith(result);
  norm.destroy();
}

}  // namespace

void write_lone_norms(jit::Block& block) {
  for_each_node(block, [](jit::Node& node) {
    if (node.kind() == c10::aten::batch_norm) write_as_addcmul(node);
  });
}

}  // namespace int8graph
