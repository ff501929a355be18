#include "quantize/attention_types.h"

#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/runtime/profiling_record.h>

#include <algorithm>

#include "ops/graph_walk.h"
#include "quantize/attention.h"
#include "quantize/run_once.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

std::vector<jit::Node*> attentions_of(jit::Graph& graph) {
  std::vector<jit::Node*> nodes;
  for_each_node(*graph.block(), [&](jit::Node& node) {
    if (is_attention(node)) nodes.push_back(&node);
  });
  return nodes;
}

bool knows_its_sizes(const jit::Node* attention) {
  const auto type = attention->input(0)->type()->cast<c10::TensorType>();
  return type && type->sizes().concrete_sizes();
}

/// Lets the attentions of a graph read their tensors through views that change nothing.
void insert_views(jit::Graph& graph) {
  for (jit::Node* node : attentions_of(graph)) {
    const jit::WithInsertPoint guard(node);
    for (size_t i = 0; i < node->inputs().size(); ++i) {
      jit::Value* input = node->input(i);
      if (!input->type()->cast<c10::TensorType>()) continue;
      node->replaceInput(i, graph.insert(c10::aten::transpose, {input, -1, -1}));
    }
  }
}

/// Profiling puts a node of its own before each tensor that is read.
void copy_type(const jit::Value& profiled, jit::Value& value) {
  const jit::Node& profile = *profiled.node();
  if (profile.kind() != c10::prim::profile || !value.type()->cast<c10::TensorType>()) return;
  if (static_cast<const jit::ProfileOp&>(profile).hasSeenTensor()) {
    value.setType(profile.ty(c10::attr::profiled_type));
  }
}

}  // namespace

void learn_attention_types(const std::shared_ptr<jit::Graph>& graph, const jit::Module& module,
                           const std::vector<c10::IValue>& example_inputs) {
  const auto nodes = attentions_of(*graph);
  if (example_inputs.empty() || std::ranges::all_of(nodes, knows_its_sizes)) return;
  const auto watched = graph->copy();
  insert_views(*watched);
  const auto record = jit::ProfilingRecord::instrumentGraph(watched);
  run_once(record->profiled_graph_, module, example_inputs);

  const auto profiled = attentions_of(*record->profiled_graph_);
  for (size_t i = 0; i < nodes.size(); ++i) {
    for (size_t k = 0; k < nodes[i]->inputs().size(); ++k) {
      copy_type(*profiled[i]->input(k), *nodes[i]->input(k));
    }
  }
}

}  // namespace int8graph
