#include "int8graph/convert.h"

#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/ir/ir.h>

#include <stdexcept>
#include <unordered_set>

#include "config/autocast.h"
#include "config/environment.h"
#include "ops/graph_walk.h"
#include "ops/operator_table.h"
#include "passes/functionalize.h"
#include "passes/quantizers.h"
#include "passes/reduce_precision.h"
#include "quantize/artifact.h"
#include "quantize/attention.h"
#include "quantize/call_marks.h"
#include "quantize/canonicalize.h"
#include "quantize/freeze.h"
#include "quantize/insert_quantizers.h"
#include "quantize/match_entries.h"
#include "quantize/recognize_activations.h"
#include "quantize/run_once.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

[[noreturn]] void refuse_converted() {
  throw std::invalid_argument(
      "the model is converted already: it has quantizers in it; convert takes the fp32 model");
}

void check_inputs(const jit::Module& model, const QuantConf& conf) {
  if (is_artifact(model)) refuse_converted();
  for (const auto& [name, module] : model.named_modules()) {
    if (!module.hasattr("training") || !module.is_training()) continue;
    throw std::invalid_argument((name.empty() ? "the model" : "the model's module " + name) +
                                " is in training mode; call eval() on it before convert");
  }
  if (conf.entries().empty()) {
    throw std::invalid_argument("the QuantConf is empty: " + conf.why_empty());
  }
}

/// A trace keeps the mode that the model was in, whatever eval() is called on it later.
void refuse_training_operators(const jit::Module& frozen) {
  for_each_node(*frozen.get_method("forward").graph()->block(), [&](const jit::Node& node) {
    const char* symbol = node.kind().toQualString();
    const Operator* row = find_operator(symbol);
    if (row == nullptr || !row->training_argument) return;
    const auto flag = jit::toIValue(node.input(*row->training_argument));
    if (!flag || !flag->isBool() || !flag->toBool()) return;
    throw std::invalid_argument("the model's " + std::string(symbol) +
                                " is in training mode for good, as it was when the model was "
                                "traced; call eval() before torch.jit.trace");
  });
}

/// Folding destroys nodes, and whatever is made later may get their addresses. Folding itself makes
/// nothing but constants, which the operator table has no row for; activations that were recognized
/// are made before it.
void forget_folded(jit::Block& block, MatchedEntries& matched, CalibratedWeights& weights) {
  std::unordered_set<const jit::Node*> nodes;
  for_each_node(block, [&](const jit::Node& node) { nodes.insert(&node); });
  const auto is_folded = [&](const auto& of_node) {
    return !nodes.contains(of_node.first) || find_operator(*of_node.first) == nullptr;
  };
  std::erase_if(matched, is_folded);
  std::erase_if(weights, is_folded);
}

/// Calibration has seen these compute with floats.
FloatingNodes nodes_of(const MatchedEntries& matched) {
  FloatingNodes nodes;
  for (const auto& [node, entry] : matched) nodes.insert(node);
  return nodes;
}

/// PyTorch's executor profiles the first call and fuses at the second.
void run_until_fused(jit::Module& module, const std::vector<c10::IValue>& example_inputs) {
  if (example_inputs.empty()) return;
  const c10::InferenceMode no_grad;
  for (int call = 0; call < 2; ++call) module.forward(copies_of(example_inputs));
}

}  // namespace

jit::Module convert(const jit::Module& model, const QuantConf& conf,
                    std::vector<c10::IValue> example_inputs) {
  check_inputs(model, conf);
  const auto rest_dtype = autocast_dtype();
  const AutocastScope off(std::nullopt);
  jit::Module artifact = freeze_copy(model, example_inputs);
  refuse_training_operators(artifact);
  auto graph = artifact.get_method("forward").graph();
  if (any_node(*graph->block(), is_quantize)) refuse_converted();
  functionalize(graph);
  canonicalize(graph);
  MatchedEntries matched = match_entries(*graph->block(), conf.entries());
  unmark_calls(graph);
  CalibratedWeights weights = weights_of(matched);
  recognize_activations(*graph->block());
  fold_constants(graph);
  forget_folded(*graph->block(), matched, weights);
  const size_t attentions = decompose_attention(*graph->block(), matched);
  const size_t computing = attentions + insert_quantizers(graph, matched, weights);
  if (computing == 0) {
    throw std::invalid_argument(
        "nothing was quantized: no convolution, linear or matmul of this model has "
        "inputs_quantized "
        "set in the QuantConf (" +
        std::to_string(conf.entries().size()) + " entries)");
  }
  if (rest_dtype) reduce_precision(graph, *rest_dtype, nodes_of(matched));
  graph->lint();
  write_facts(artifact, {conf.to_json(), input_facts(example_inputs)});
  run_until_fused(artifact, example_inputs);
  return artifact;
}

}  // namespace int8graph
