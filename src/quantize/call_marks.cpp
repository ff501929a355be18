#include "quantize/call_marks.h"

#include <torch/csrc/jit/ir/ir.h>

#include <string_view>

#include "ops/graph_walk.h"
#include "ops/operator_table.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

const c10::Symbol kCall = c10::Symbol::attr("call");

bool is_recorded(const jit::Node& node) {
  const Operator* row = find_operator(node);
  const std::string_view symbol = node.kind().toQualString();
  return (row != nullptr && row->recorded()) || is_generic_convolution(symbol) || is_addmm(symbol);
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
    if (is_recorded(node) && node.hasAttribute(kCall)) node.removeAttribute(kCall);
  });
}

}  // namespace int8graph
