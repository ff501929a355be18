#include "quantize/call_marks.h"

#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/runtime/profiling_record.h>

#include <algorithm>
#include <string_view>

#include "ops/graph_walk.h"
#include "ops/operator_table.h"
#include "quantize/run_once.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

const c10::Symbol kCall = c10::Symbol::attr("call");
const c10::Symbol kIdle = c10::Symbol::attr("idle");

bool is_recorded(const jit::Node& node) {
  const Operator* row = find_operator(node);
  const std::string_view symbol = node.kind().toQualString();
  return (row != nullptr && row->recorded()) || is_generic_convolution(symbol) || is_addmm(symbol);
}

/// Recorded calls in branches and loops.
std::vector<jit::Node*> conditional_calls(jit::Graph& graph) {
  std::vector<jit::Node*> nodes;
  for_each_node(*graph.block(), [&](jit::Node& node) {
    if (node.owningBlock() != graph.block() && is_recorded(node)) nodes.push_back(&node);
  });
  return nodes;
}

/// Whether a node of a graph that was profiled has not run: of the tensors that it reads, or that
/// are in a list that it reads, each has a node for profiling before it, which tells.
bool has_not_run(const jit::Node& node) {
  return std::ranges::any_of(node.inputs(), [](const jit::Value* input) {
    const jit::Node& producer = *input->node();
    if (producer.kind() == c10::prim::ListConstruct) return has_not_run(producer);
    return producer.kind() == c10::prim::profile &&
           !static_cast<const jit::ProfileOp&>(producer).hasSeenTensor();
  });
}

}  // namespace

void mark_calls(const std::shared_ptr<jit::Graph>& graph) {
  int64_t next = 0;
  for_each_node(*graph->block(), [&](jit::Node& node) {
    if (is_recorded(node)) node.i_(kCall, next++);
  });
}

void unmark_calls(const std::shared_ptr<jit::Graph>& graph) {
  for_each_node(*graph->block(), [](jit::Node& node) {
    if (!is_recorded(node)) return;
    for (const c10::Symbol mark : {kCall, kIdle}) {
      if (node.hasAttribute(mark)) node.removeAttribute(mark);
    }
  });
}

void mark_idle_calls(const std::shared_ptr<jit::Graph>& graph, const jit::Module& module,
                     const std::vector<c10::IValue>& example_inputs) {
  const auto nodes = conditional_calls(*graph);
  if (example_inputs.empty() || nodes.empty()) return;
  const auto record = jit::ProfilingRecord::instrumentGraph(graph);
  run_once(record->profiled_graph_, module, example_inputs);
  const auto profiled = conditional_calls(*record->profiled_graph_);
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (has_not_run(*profiled[i])) nodes[i]->i_(kIdle, 1);
  }
}

bool is_idle(const jit::Node& node) {
  return node.hasAttribute(kIdle);
}

}  // namespace int8graph
