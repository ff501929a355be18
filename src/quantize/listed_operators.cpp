#include "quantize/listed_operators.h"

#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>
#include <unordered_set>

#include "ops/graph_edit.h"
#include "ops/graph_walk.h"
#include "ops/operator_table.h"
#include "passes/quantizers.h"
#include "quantize/attention.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

constexpr std::string_view kAttention = "scaled_dot_product_attention";

using Nodes = std::vector<const jit::Node*>;

bool is_dequantize(const jit::Node& node) {
  return node.kind() == c10::aten::dequantize;
}

/// The operators in front of the softmax, or nothing where this is no decomposed attention. Only
/// decompose_attention() transposes keys behind their quantizer: all others stand right before the
/// operator that reads int8.
Nodes parts_of_scores(const jit::Node& scores) {
  Nodes parts;
  const jit::Node* node = &scores;
  const auto skip = [&](c10::Symbol kind) {
    if (node->kind() != kind) return false;
    parts.push_back(node);
    node = node->input(0)->node();
    return true;
  };
  skip(c10::aten::add);
  if (!skip(c10::aten::div) || node->kind() != c10::aten::matmul) return {};
  const jit::Node& keys = *node->input(1)->node();
  const bool is_decomposed = is_dequantize(*node->input(0)->node()) &&
                             keys.kind() == c10::aten::transpose &&
                             is_dequantize(*keys.input(0)->node());
  if (!is_decomposed) return {};
  parts.push_back(node);
  return parts;
}

/// The other operators of the attention that ends with this matmul; nothing where none does.
Nodes parts_of_attention(const jit::Node& last) {
  if (last.kind() != c10::aten::matmul) return {};
  const jit::Node& dequantize = *last.input(0)->node();
  if (!is_dequantize(dequantize) || !is_quantize(*dequantize.input(0)->node())) return {};
  const jit::Node& quantize = *dequantize.input(0)->node();
  const jit::Node& softmax = *quantize.input(0)->node();
  if (parameters_at(quantize) != kProbabilities || softmax.kind() != c10::aten::softmax) return {};
  return parts_of_scores(*softmax.input(0)->node());
}

bool reads_int8(const jit::Value& value) {
  const jit::Node& producer = *value.node();
  if (is_dequantize(producer)) return true;
  return producer.kind() == c10::prim::ListConstruct &&
         std::ranges::any_of(producer.inputs(),
                             [](const jit::Value* element) { return reads_int8(*element); });
}

/// Element-wise operators and norms have no int8 form, whatever stands before them.
bool is_quantized(const jit::Node& node, const Operator& row) {
  if (row.op_class == OpClass::Elementwise || row.op_class == OpClass::Norm) return false;
  return std::ranges::any_of(node.inputs(),
                             [](const jit::Value* input) { return reads_int8(*input); });
}

bool makes_tensor(const jit::Node& node) {
  return node.outputs().size() == 1 && is_tensor(*node.output());
}

}  // namespace

std::vector<ListedOperator> list_operators(jit::Block& block) {
  std::vector<ListedOperator> operators;
  std::unordered_set<const jit::Node*> parts;
  for_each_node(block, [&](jit::Node& node) {
    const Operator* row = find_operator(node);
    if (row == nullptr || !row->recorded() || !makes_tensor(node)) return;
    const Nodes attention = parts_of_attention(node);
    parts.insert(attention.begin(), attention.end());
    operators.push_back({.node = &node,
                         .name = attention.empty() ? row->name : kAttention,
                         .is_quantized = is_quantized(node, *row)});
  });
  std::erase_if(operators,
                [&](const ListedOperator& listed) { return parts.contains(listed.node); });
  return operators;
}

}  // namespace int8graph
