#include "quantize/freeze.h"

#include <torch/csrc/jit/passes/constant_propagation.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/csrc/jit/passes/freeze_module.h>
#include <torch/csrc/jit/passes/frozen_conv_folding.h>
#include <torch/csrc/jit/passes/frozen_linear_folding.h>
#include <torch/csrc/jit/passes/inliner.h>

#include "quantize/attention.h"
#include "quantize/attention_types.h"
#include "quantize/call_marks.h"
#include "quantize/fold_batch_norm.h"
#include "quantize/needless_casts.h"
#include "quantize/write_out_layers.h"

namespace int8graph {

namespace jit = torch::jit;

jit::Module freeze_copy(const jit::Module& model, const std::vector<c10::IValue>& example_inputs) {
  const jit::Module copy = model.clone();
  const auto graph = copy.get_method("forward").graph();
  jit::Inline(*graph);
  write_out_fused_layers(*graph->block());
  learn_attention_types(graph, copy, example_inputs);
  remove_needless_casts(graph, copy, example_inputs);
  make_attention_explicit(*graph->block());
  mark_calls(graph);
  mark_idle_calls(graph, copy, example_inputs);
  return jit::freeze_module(copy);
}

void fold_constants(std::shared_ptr<jit::Graph>& graph) {
  bool changed = true;
  while (changed) {  // one fold may bring the next in reach
    changed = jit::FoldFrozenConvBatchnorm(graph);
    changed |= jit::FoldFrozenConvAddOrSub(graph);
    changed |= jit::FoldFrozenConvMulOrDiv(graph);
    changed |= jit::FoldFrozenLinearBatchnorm(graph);
    changed |= fold_batch_norms_into_transposed(*graph->block());
  }
  jit::ConstantPropagation(graph);
  jit::EliminateDeadCode(graph);
}

}  // namespace int8graph
