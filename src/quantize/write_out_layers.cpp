#include "quantize/write_out_layers.h"

#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/constant_propagation.h>
#include <torch/csrc/jit/passes/inliner.h>

#include <functional>
#include <unordered_map>
#include <vector>

#include "ops/fused_layers.h"
#include "ops/graph_walk.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

using Values = std::vector<jit::Value*>;

/// The layer's definition, without the branches that its constant arguments don't take.
std::shared_ptr<jit::Graph> definition_for(const jit::Node& layer) {
  jit::Function& definition = *definition_of(layer.kind().toQualString());
  auto body = jit::toGraphFunction(definition).graph()->copy();
  jit::Inline(*body);
  const jit::WithInsertPoint guard(*body->nodes().begin());
  for (size_t i = 0; i < layer.inputs().size(); ++i) {
    const auto constant = jit::toIValue(layer.input(i));
    if (!constant || constant->isTensor()) continue;
    body->inputs()[i]->replaceAllUsesWith(body->insertConstant(*constant));
  }
  jit::ConstantPropagationImmutableTypes(body);
  return body;
}

/// @return the results of the definition, which is written where the graph inserts nodes
Values insert_definition(jit::Graph& graph, jit::Node& layer) {
  const auto body = definition_for(layer);
  std::unordered_map<jit::Value*, jit::Value*> written;
  Values results = jit::insertGraph(graph, *body, layer.inputs(), written);
  if (layer.outputs().size() == 1) return results;
  const auto elements = jit::createTupleUnpack(results[0]);  // the definition returns a tuple
  return {elements.begin(), elements.end()};
}

void add_branch(jit::Node& choice, const std::function<Values()>& insert) {
  jit::Block* block = choice.addBlock();
  const jit::WithInsertPoint guard(block);
  for (jit::Value* result : insert()) block->registerOutput(result);
}

/// The layer as it is for nested tensors, its definition for others.
Values insert_choice(jit::Graph& graph, jit::Node& layer) {
  jit::Value* is_nested =
      graph.insert(c10::Symbol::fromQualString("prim::is_nested"), {layer.input(0)});
  jit::Node& choice =
      *graph.insertNode(graph.create(c10::prim::If, {is_nested}, layer.outputs().size()));
  add_branch(choice, [&]() -> Values {
    jit::Node* same =
        graph.insertNode(graph.createClone(&layer, [](jit::Value* value) { return value; }));
    return same->outputs().vec();
  });
  add_branch(choice, [&] { return insert_definition(graph, layer); });
  for (size_t i = 0; i < choice.outputs().size(); ++i) {
    const auto type = [&](size_t branch) { return choice.blocks()[branch]->outputs()[i]->type(); };
    choice.output(i)->setType(*c10::unifyTypes(type(0), type(1)));
  }
  return choice.outputs().vec();
}

void write_out(jit::Node& node) {
  if (definition_of(node.kind().toQualString()) == nullptr) return;
  const Defined defined = definedness_of(node);
  if (defined == Defined::No) return;
  const jit::WithInsertPoint guard(&node);
  jit::Graph& graph = *node.owningGraph();
  const Values results =
      defined == Defined::Yes ? insert_definition(graph, node) : insert_choice(graph, node);
  for (size_t i = 0; i < results.size(); ++i) node.output(i)->replaceAllUsesWith(results[i]);
  node.destroy();
}

}  // namespace

void write_out_fused_layers(jit::Block& block) {
  for_each_node(block, write_out);
}

}  // namespace int8graph
