#include "passes/quantized_norms.h"

#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>

#include "ops/graph_edit.h"
#include "ops/graph_walk.h"
#include "passes/quantizers.h"
#include "passes/writes.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

// Of aten::layer_norm, whose first arguments the new operators take: input, shape, weight, bias,
// eps.
constexpr size_t kShape = 1, kWeight = 2, kBias = 3, kArguments = 5;

bool is_none(const jit::Value& value) {
  return value.type()->isSubtypeOf(*c10::NoneType::get());
}

/// Whether the operators of executor/layer_norm_rows.h compute this norm.
bool has_form(const jit::Node& norm) {
  const auto shape = jit::constant_as<c10::List<int64_t>>(norm.input(kShape));
  const bool is_of_rows = shape ? shape->size() == 1 : false;
  return is_of_rows && !is_none(*norm.input(kWeight)) && !is_none(*norm.input(kBias));
}

bool is_behind_a_norm(const jit::Node& node) {
  if (node.kind() != c10::aten::quantize_per_tensor || !parameters_at(node)) return false;
  const jit::Node& norm = *node.input(0)->node();
  return norm.kind() == c10::aten::layer_norm && norm.owningBlock() == node.owningBlock() &&
         has_form(norm);
}

void join(jit::Node& norm, jit::Node& quantize) {
  const bool is_read_beside = norm.output()->uses().size() > 1;
  const auto symbol = c10::Symbol::fromQualString(
      is_read_beside ? "int8graph::layer_norm_and_quantized" : "int8graph::quantized_layer_norm");
  jit::Graph& graph = *norm.owningGraph();
  jit::Node* joined = graph.create(symbol, norm.inputs().slice(0, kArguments), 0);
  joined->insertBefore(&norm);
  const jit::WithInsertPoint guard(joined);
  for (const jit::Value* parameter : quantize.inputs().slice(1)) {
    joined->addInput(graph.insertConstant(*jit::toIValue(parameter)));
  }
  jit::Value* values =
      is_read_beside ? joined->addOutput()->setType(norm.output()->type()) : nullptr;
  replace(quantize, joined->addOutput()->setType(quantize.output()->type()));
  if (values != nullptr) norm.output()->replaceAllUsesWith(values);
  norm.destroy();
}

}  // namespace

void quantize_in_norms(jit::Block& block) {
  const auto written = written_values(*block.owningGraph());
  for_each_node(block, [&](jit::Node& node) {
    if (!is_behind_a_norm(node) || written.contains(node.input(0))) return;
    join(*node.input(0)->node(), node);
  });
}

}  // namespace int8graph
