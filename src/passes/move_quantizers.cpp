#include "passes/move_quantizers.h"

#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/common_subexpression_elimination.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>

#include <vector>

#include "ops/graph_edit.h"
#include "ops/graph_walk.h"
#include "ops/operator_table.h"
#include "passes/parts.h"
#include "passes/quantizers.h"
#include "passes/writes.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

/// view -> quantize becomes quantize -> view. Only where nothing else reads the view in fp32.
bool hoist_over_view(jit::Node& quantize, const WrittenValues& written) {
  jit::Node* view = quantize.input(0)->node();
  const auto parameters = parameters_of(*quantize.output());
  if (!moves_all_elements(*view) || !parameters) return false;
  if (view->output()->uses().size() != 1) return false;
  if (written.contains(view->input(0)) || written.contains(view->output())) return false;
  jit::Value* quantized = insert_quantize(view->input(0), *parameters, view);
  view->replaceInput(0, quantized);
  replace(quantize, view->output());
  return true;
}

/// size(x) becomes size(quantize(x)), with the quantizer right behind what makes x.
bool give_size_reads_int8(jit::Node& quantize, const WrittenValues& written) {
  jit::Value* value = quantize.input(0);
  const auto parameters = parameters_of(*quantize.output());
  std::vector<jit::Node*> reads;
  for (const jit::Use& use : value->uses()) {
    if (use.user->kind() == c10::aten::size) reads.push_back(use.user);
  }
  const bool is_made_here = value->node()->kind() != c10::prim::Param &&
                            value->node()->owningBlock() == quantize.owningBlock();
  if (reads.empty() || !is_made_here || !parameters || written.contains(value)) return false;
  jit::Value* quantized = insert_quantize(value, *parameters, value->node()->next());
  for (jit::Node* read : reads) read->replaceInput(0, quantized);
  replace(quantize, quantized);
  return true;
}

/// dequantize -> view becomes view -> dequantize, one for each tensor that it makes.
bool sink_under_view(jit::Node& dequantize, const WrittenValues& written) {
  if (written.contains(dequantize.output())) return false;
  for (const jit::Use& use : dequantize.output()->uses()) {
    if (use.offset != 0 || !moves_elements(*use.user)) continue;
    const auto made = tensors_made_by(*use.user);
    if (made.empty()) continue;
    use.user->replaceInput(0, dequantize.input(0));
    for (jit::Value* tensor : made) {
      jit::Value* result = insert_dequantize(tensor, tensor->node()->next());
      tensor->replaceAllUsesAfterNodeWith(result->node(), result);
    }
    return true;
  }
  return false;
}

/// size(dequantize(x)) becomes size(x).
bool read_size_before(jit::Node& dequantize) {
  for (const jit::Use& use : dequantize.output()->uses()) {
    if (use.user->kind() != c10::aten::size) continue;
    use.user->replaceInput(0, dequantize.input(0));
    return true;
  }
  return false;
}

/// dequantize -> quantize with the same parameters is nothing.
bool drop_round_trip(jit::Node& quantize, const WrittenValues& written) {
  const jit::Node& dequantize = *quantize.input(0)->node();
  if (!is_activation_dequantize(dequantize) || written.contains(dequantize.output())) return false;
  const auto before = parameters_of(*dequantize.input(0));
  if (!before || before != parameters_of(*quantize.output())) return false;
  replace(quantize, dequantize.input(0));
  return true;
}

bool move_once(jit::Block& block, const WrittenValues& written) {
  bool changed = false;
  for_each_node(block, [&](jit::Node& node) {
    if (is_quantize(node)) {
      changed |= drop_round_trip(node, written) || hoist_over_view(node, written) ||
                 give_size_reads_int8(node, written);
    } else if (is_activation_dequantize(node)) {
      changed |= sink_under_view(node, written) || read_size_before(node);
    }
  });
  return changed;
}

}  // namespace

void move_quantizers(const std::shared_ptr<jit::Graph>& graph) {
  // What the moves insert is never written to, so the answer holds throughout.
  const WrittenValues written = written_values(*graph);
  // Each move brings a quantizer one step closer to its end, so this ends.
  while (move_once(*graph->block(), written) || quantize_before_parts(*graph->block(), written)) {
  }
  jit::EliminateDeadCode(graph);
  jit::EliminateCommonSubexpression(graph);
}

}  // namespace int8graph
