#include "quantize/operator_noise.h"

#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/constant_propagation.h>
#include <torch/csrc/jit/passes/inliner.h>
#include <torch/csrc/jit/runtime/interpreter.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "ops/node_arguments.h"
#include "ops/operator_table.h"
#include "passes/functionalize.h"
#include "passes/quantizers.h"
#include "quantize/call_marks.h"
#include "quantize/canonicalize.h"
#include "quantize/freeze.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

using Graph = std::shared_ptr<jit::Graph>;

/// The fp32 graph as convert() has it when it inserts quantizers.
Graph reference_graph(const jit::Module& fp32) {
  auto graph = freeze_copy(fp32).get_method("forward").graph();
  functionalize(graph);
  canonicalize(graph);
  unmark_calls(graph);
  fold_constants(graph);
  return graph;
}

Graph artifact_graph(const jit::Module& artifact) {
  auto graph = artifact.get_method("forward").graph()->copy();
  jit::Inline(*graph);
  jit::ConstantPropagation(graph);
  return graph;
}

std::vector<jit::Node*> operators_of(jit::Graph& graph) {
  std::vector<jit::Node*> nodes;
  for (jit::Node* node : graph.nodes()) {
    const Operator* row = find_operator(*node);
    const bool makes_tensor =
        node->outputs().size() == 1 && node->output()->type()->isSubtypeOf(*c10::TensorType::get());
    if (row != nullptr && row->recorded() && makes_tensor) nodes.push_back(node);
  }
  return nodes;
}

bool reads_int8(const jit::Node& node) {
  const auto is_int8 = [](const jit::Value* value, const auto& self) -> bool {
    const jit::Node& producer = *value->node();
    if (producer.kind() == c10::aten::dequantize) return true;
    return producer.kind() == c10::prim::ListConstruct &&
           std::ranges::any_of(producer.inputs(),
                               [&](const jit::Value* element) { return self(element, self); });
  };
  return std::ranges::any_of(node.inputs(),
                             [&](const jit::Value* input) { return is_int8(input, is_int8); });
}

std::vector<std::string> names_of(const std::vector<jit::Node*>& nodes) {
  std::vector<std::string> names;
  for (const jit::Node* node : nodes) names.emplace_back(find_operator(*node)->name);
  return names;
}

void check_same(const std::vector<std::string>& fp32, const std::vector<std::string>& artifact) {
  const auto [here, there] = std::ranges::mismatch(fp32, artifact);
  if (here == fp32.end() && there == artifact.end()) return;
  throw std::invalid_argument(
      "the artifact does not come from this fp32 model: operator " +
      std::to_string(here - fp32.begin()) + " is " +
      (here == fp32.end() ? "missing" : "\"" + *here + "\"") + " in the fp32 model and " +
      (there == artifact.end() ? "missing" : "\"" + *there + "\"") + " in the artifact");
}

/// Makes the graph's outputs those of its operators.
void show_operators(jit::Graph& graph, const std::vector<jit::Node*>& nodes) {
  while (!graph.outputs().empty()) graph.eraseOutput(graph.outputs().size() - 1);
  for (jit::Node* node : nodes) graph.registerOutput(node->output());
}

/// Lets the readers of each operator read a new input of the graph instead.
void read_from_inputs(jit::Graph& graph, const std::vector<jit::Node*>& nodes) {
  for (jit::Node* node : nodes) {
    jit::Value* input = graph.addInput()->setType(c10::TensorType::get());
    node->output()->replaceAllUsesWith(input);
  }
}

class Runner {
 public:
  Runner(const Graph& graph, const jit::Module& module)
      : takes_module_(graph->inputs().front()->type()->is_module()),
        module_(module._ivalue()),
        code_(graph, "int8graph::compare") {}

  std::vector<c10::IValue> run(const std::vector<c10::IValue>& inputs,
                               const std::vector<c10::IValue>& more = {}) const {
    jit::Stack stack;
    if (takes_module_) stack.emplace_back(module_);
    stack.insert(stack.end(), inputs.begin(), inputs.end());
    stack.insert(stack.end(), more.begin(), more.end());
    jit::InterpreterState(code_).run(stack);
    return stack;
  }

 private:
  const bool takes_module_;
  const c10::intrusive_ptr<c10::ivalue::Object> module_;
  const jit::Code code_;
};

Runner show(const Graph& graph, const jit::Module& module) {
  show_operators(*graph, operators_of(*graph));
  return {graph, module};
}

Runner show_alone(const Graph& graph, const jit::Module& module) {
  const auto nodes = operators_of(*graph);
  read_from_inputs(*graph, nodes);
  show_operators(*graph, nodes);
  return {graph, module};
}

}  // namespace

void NoiseSums::add(const at::Tensor& reference, const at::Tensor& tensor) {
  const auto as_numbers = [](const at::Tensor& t) {
    return (t.is_quantized() ? t.dequantize() : t).to(at::kDouble);
  };
  const at::Tensor wanted = as_numbers(reference);
  signal += wanted.square().sum().item<double>();
  noise += (as_numbers(tensor) - wanted).square().sum().item<double>();
}

double NoiseSums::sqnr() const {
  if (noise == 0) return std::numeric_limits<double>::infinity();
  return 10 * std::log10(signal / noise);
}

class OperatorNoiseMeter::Impl {
 public:
  Impl(const Graph& reference, const jit::Module& fp32, const Graph& graph,
       const jit::Module& artifact)
      : rows_(rows_of(*reference, *graph)),
        reference_(show(reference, fp32)),
        alone_(show_alone(graph->copy(), artifact)),
        together_(show(graph, artifact)) {}

  void add(const std::vector<c10::IValue>& inputs) {
    const auto wanted = reference_.run(inputs);
    const auto add_all = [&](const std::vector<c10::IValue>& got, NoiseSums OperatorNoise::*sums) {
      for (size_t i = 0; i < rows_.size(); ++i) {
        (rows_[i].*sums).add(wanted[i].toTensor(), got[i].toTensor());
      }
    };
    add_all(together_.run(inputs), &OperatorNoise::together);
    add_all(alone_.run(inputs, wanted), &OperatorNoise::alone);
  }

  const std::vector<OperatorNoise>& rows() const { return rows_; }

 private:
  static std::vector<OperatorNoise> rows_of(jit::Graph& reference, jit::Graph& graph) {
    const auto nodes = operators_of(graph);
    const auto names = names_of(nodes);
    check_same(names_of(operators_of(reference)), names);
    std::vector<OperatorNoise> rows;
    for (size_t i = 0; i < nodes.size(); ++i) {
      rows.push_back({names[i], i, reads_int8(*nodes[i]), {}, {}});
    }
    return rows;
  }

  std::vector<OperatorNoise> rows_;
  const Runner reference_;
  const Runner alone_;
  const Runner together_;
};

OperatorNoiseMeter::OperatorNoiseMeter(const jit::Module& fp32, const jit::Module& artifact)
    : impl_(std::make_unique<Impl>(reference_graph(fp32), fp32, artifact_graph(artifact),
                                   artifact)) {}

OperatorNoiseMeter::~OperatorNoiseMeter() = default;

void OperatorNoiseMeter::add(const std::vector<c10::IValue>& inputs) {
  impl_->add(inputs);
}

std::vector<OperatorNoise> OperatorNoiseMeter::result() const {
  return impl_->rows();
}

}  // namespace int8graph
