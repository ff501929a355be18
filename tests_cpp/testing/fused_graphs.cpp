#include "testing/fused_graphs.h"

#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/constant_propagation.h>
#include <torch/csrc/jit/passes/inliner.h>
#include <torch/csrc/jit/runtime/interpreter.h>

#include <set>

#include "executor/cpu_limits.h"
#include "executor/profile.h"
#include "int8graph/calibration.h"
#include "int8graph/convert.h"
#include "onednn/onednn_loader.h"
#include "ops/graph_walk.h"
#include "ops/node_arguments.h"
#include "ops/operator_table.h"
#include "passes/partition_node.h"
#include "passes/pipeline.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

bool holds_values_only(const jit::Node& node) {
  return node.kind() == c10::prim::Constant || node.kind() == c10::prim::ListConstruct ||
         node.kind() == c10::prim::TupleConstruct ||
         (node.kind() == c10::aten::dequantize && constant_tensor(node.output()));
}

std::string operators_in(const jit::Graph& subgraph) {
  std::string text;
  for (const jit::Node* node : subgraph.nodes()) {
    if (holds_values_only(*node)) continue;
    const Operator* row = find_operator(*node);
    if (!text.empty()) text += '+';
    text += row != nullptr ? std::string(row->name) : node->kind().toQualString();
  }
  return text;
}

std::string name_of(const jit::Node& node) {
  if (node.kind() == partition_symbol()) return operators_in(*node.g(c10::attr::Subgraph));
  const Operator* row = find_operator(node);
  const bool is_quantizer = row != nullptr && row->op_class == OpClass::Quantizer;
  return is_quantizer ? std::string(row->name) : node.kind().toQualString();
}

void summarize(const jit::Block& block, std::string& text) {
  for (const jit::Node* node : block.nodes()) {
    if (holds_values_only(*node)) continue;
    if (!text.empty()) text += " | ";
    text += name_of(*node);
    for (const jit::Block* inner : node->blocks()) summarize(*inner, text);
  }
}

/// The names of partitions that are not for this CPU's oneDNN.
std::set<std::string> partitions_in_fp32(jit::Graph& graph) {
  std::set<std::string> names;
  for (const jit::Node* node : partitions_of(graph)) {
    jit::Graph& subgraph = *node->g(c10::attr::Subgraph);
    if (why_in_fp32(subgraph, load_onednn().cpu)) names.insert(partition_name(subgraph));
  }
  return names;
}

}  // namespace

QuantConf calibrated_on(const jit::Module& model, const std::vector<c10::IValue>& inputs,
                        QScheme qscheme) {
  QuantConf conf(qscheme);
  jit::Module copy = model.copy();
  const c10::InferenceMode no_grad;
  Calibration scope(conf);
  copy.forward(inputs);
  scope.finish();
  return conf;
}

std::shared_ptr<jit::Graph> unfused_graph(const jit::Module& artifact) {
  auto graph = artifact.get_method("forward").graph()->copy();
  jit::Inline(*graph);
  jit::ConstantPropagation(graph);
  return graph;
}

std::shared_ptr<jit::Graph> fused_graph(const jit::Module& artifact) {
  auto graph = unfused_graph(artifact);
  optimize(graph);
  return graph;
}

std::string summary_of(const jit::Graph& graph) {
  std::string text;
  summarize(*graph.block(), text);
  return text;
}

std::vector<jit::Node*> partitions_of(jit::Graph& graph) {
  std::vector<jit::Node*> result;
  for_each_node(*graph.block(), [&](jit::Node& node) {
    if (node.kind() == partition_symbol()) result.push_back(&node);
  });
  return result;
}

c10::IValue run_graph(const std::shared_ptr<jit::Graph>& graph, const jit::Module& module,
                      const std::vector<c10::IValue>& inputs) {
  const c10::InferenceMode no_grad;
  const jit::Code code(graph, "run_graph");
  jit::Stack stack = {module._ivalue()};
  stack.insert(stack.end(), inputs.begin(), inputs.end());
  jit::InterpreterState(code).run(stack);
  return stack.front();
}

double Conversion::quantum_of_last_input() const {
  return conf.entries().back().input_scales.front();
}

double Conversion::quantum_of_output() const {
  constexpr double kSteps = 255;
  const double max = std::max(fp32.max().item<double>(), 0.0);
  const double min = std::min(fp32.min().item<double>(), 0.0);
  return conf.qscheme() == QScheme::PerTensorAffine ? (max - min) / kSteps
                                                    : 2 * std::max(max, -min) / kSteps;
}

Conversion convert_and_run(const jit::Module& model, const std::vector<c10::IValue>& inputs,
                           QScheme qscheme) {
  Conversion result;
  result.conf = calibrated_on(model, inputs, qscheme);
  result.artifact = convert(model, result.conf, inputs);
  const auto fused = fused_graph(result.artifact);
  result.summary = summary_of(*fused);
  {
    const c10::InferenceMode no_grad;
    result.fp32 = model.copy().forward(inputs).toTensor();
  }
  result.unfused = run_graph(unfused_graph(result.artifact), result.artifact, inputs).toTensor();
  start_profile();
  result.fused = run_graph(fused, result.artifact, inputs).toTensor();
  const std::set<std::string> in_fp32 = partitions_in_fp32(*fused);
  for (const PartitionTimes& partition : stop_profile()) {
    if (partition.in_kernels == 0 && !in_fp32.contains(partition.name)) {
      result.refused.push_back(partition.name);
    }
  }
  return result;
}

void expect_right_numbers(const Conversion& conversion, double quantum) {
  EXPECT_EQ(conversion.refused, std::vector<std::string>{});
  ASSERT_EQ(conversion.fused.sizes(), conversion.unfused.sizes());
  ASSERT_EQ(conversion.fused.scalar_type(), c10::kFloat);
  ASSERT_GT(quantum, 0);
  const at::Tensor difference = (conversion.fused - conversion.unfused).abs();
  constexpr double kRoundingOfFloats = 1.01;
  EXPECT_LE(difference.max().item<double>(), kRoundingOfFloats * quantum);
  const double one_number = kRoundingOfFloats / static_cast<double>(difference.numel());
  EXPECT_LE(difference.mean().item<double>(), std::max(0.05, one_number) * quantum);
  const double noise = (conversion.unfused - conversion.fp32).norm().item<double>();
  EXPECT_LE(noise, 0.04 * conversion.fp32.norm().item<double>());
}

}  // namespace int8graph
