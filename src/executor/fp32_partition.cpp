#include "executor/fp32_partition.h"

#include <ATen/ATen.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>

#include "ops/graph_edit.h"
#include "ops/graph_walk.h"
#include "ops/node_arguments.h"
#include "ops/operator_table.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

///     %w = aten::dequantize(%int8)         constant, int8
///     %y = aten::linear(%x, %w, %b)   ==>  %y = aten::linear(%x, %fp32, %b)
std::shared_ptr<jit::Graph> with_fp32_weights(jit::Graph& subgraph) {
  auto graph = subgraph.copy();
  for_each_node(*graph->block(), [](jit::Node& node) {
    if (node.kind() != c10::aten::dequantize) return;
    const auto weight = constant_tensor(node.output());
    if (!weight) return;
    const jit::WithInsertPoint guard(&node);
    replace(node, node.owningGraph()->insertConstant(weight->dequantize()));
  });
  return graph;
}

bool has_convolution(const jit::Graph& subgraph) {
  return any_node(*subgraph.block(), [](const jit::Node& node) {
    const Operator* row = find_operator(node);
    return row != nullptr && row->op_class == OpClass::Conv;
  });
}

at::Tensor in_channels_last(const at::Tensor& tensor) {
  if (tensor.dim() == 4) return tensor.contiguous(at::MemoryFormat::ChannelsLast);
  if (tensor.dim() == 5) return tensor.contiguous(at::MemoryFormat::ChannelsLast3d);
  return tensor;
}

}  // namespace

Fp32Partition::Fp32Partition(jit::Graph& subgraph, std::vector<OutputLayout> layouts)
    : input_count_(subgraph.inputs().size()),
      is_convolution_(has_convolution(subgraph)),
      layouts_(std::move(layouts)),
      code_(with_fp32_weights(subgraph), "int8graph::partition") {}

void Fp32Partition::run(jit::Stack& stack) const {
  if (is_convolution_) {
    for (size_t i = stack.size() - input_count_; i < stack.size(); ++i) {
      stack[i] = in_channels_last(stack[i].toTensor());
    }
  }
  jit::InterpreterState(code_).run(stack);
  const size_t first = stack.size() - layouts_.size();
  for (size_t i = 0; i < layouts_.size(); ++i) {
    if (layouts_[i] != OutputLayout::Contiguous) continue;
    stack[first + i] = stack[first + i].toTensor().contiguous();
  }
}

}  // namespace int8graph
