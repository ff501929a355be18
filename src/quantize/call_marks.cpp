#include "quantize/call_marks.h"

#include <torch/csrc/jit/ir/ir.h>

#include <string_view>

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

void mark_block(jit::Block& block, int64_t& next) {
  for (jit::Node* node : block.nodes()) {
    if (is_recorded(*node)) node->i_(kCall, next++);
    for (jit::Block* inner : node->blocks()) mark_block(*inner, next);
  }
}

void unmark_block(jit::Block& block) {
  for (jit::Node* node : block.nodes()) {
    if (is_recorded(*node) && node->hasAttribute(kCall)) node->removeAttribute(kCall);
    for (jit::Block* inner : node->blocks()) unmark_block(*inner);
  }
}

}  // namespace

void mark_calls(const std::shared_ptr<jit::Graph>& graph) {
  int64_t next = 0;
  mark_block(*graph->block(), next);
}

void unmark_calls(const std::shared_ptr<jit::Graph>& graph) {
  unmark_block(*graph->block());
}

}  // namespace int8graph
