#include "quantize/operator_noise.h"

#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/common_subexpression_elimination.h>
#include <torch/csrc/jit/passes/constant_propagation.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/csrc/jit/passes/inliner.h>
#include <torch/csrc/jit/runtime/interpreter.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <stdexcept>

#include "ops/node_arguments.h"
#include "ops/operator_table.h"
#include "passes/functionalize.h"
#include "quantize/align.h"
#include "quantize/call_marks.h"
#include "quantize/canonicalize.h"
#include "quantize/freeze.h"
#include "quantize/listed_operators.h"
#include "quantize/match_entries.h"
#include "quantize/recognize_activations.h"
#include "quantize/run_once.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

using Graph = std::shared_ptr<jit::Graph>;

Graph artifact_graph(const jit::Module& artifact) {
  auto graph = artifact.get_method("forward").graph()->copy();
  jit::Inline(*graph);
  jit::ConstantPropagation(graph);
  return graph;
}

/// Those of branches and loops run more than once or not at all: they are no outputs to compare.
std::vector<ListedOperator> operators_of(jit::Graph& graph) {
  auto operators = list_operators(*graph.block());
  std::erase_if(operators, [&](const ListedOperator& listed) {
    return listed.node->owningBlock() != graph.block();
  });
  return operators;
}

/// Nothing where the entries are not quite those of the model, which is compared all the same.
MatchedEntries matched_if_they_fit(jit::Block& block, const std::vector<OperatorEntry>& entries) {
  try {
    return match_entries(block, entries);
  } catch (const std::invalid_argument&) {
    return {};
  }
}

struct Reference {
  Graph graph;
  std::vector<std::optional<int64_t>> ids;  ///< of the entry of each of operators_of(*graph)
};

/// The fp32 graph as convert() has it when it inserts quantizers, equal nodes merged as there.
/// Entries are matched where convert() does it: folding removes operators that have one.
/// @param frozen a copy of the fp32 model, see freeze_copy()
Reference reference_of(const jit::Module& frozen, const std::vector<OperatorEntry>& entries) {
  auto graph = frozen.get_method("forward").graph();
  functionalize(graph);
  canonicalize(graph);
  const MatchedEntries matched = matched_if_they_fit(*graph->block(), entries);
  unmark_calls(graph);
  recognize_activations(*graph->block());
  fold_constants(graph);
  jit::EliminateCommonSubexpression(graph);
  jit::EliminateDeadCode(graph);
  Reference reference{graph, {}};
  for (const ListedOperator& listed : operators_of(*graph)) {
    const auto found = matched.find(listed.node);
    reference.ids.push_back(found == matched.end() ? std::nullopt
                                                   : std::optional(found->second->id));
  }
  return reference;
}

/// The sizes of its weight, where that is a constant of an operator that computes.
std::optional<std::vector<int64_t>> weight_sizes(const ListedOperator& listed) {
  const Operator& row = *find_operator(*listed.node);
  if (!row.is_compute() || !row.weight) return {};
  const auto weight = constant_tensor(listed.node->input(row.weight->argument));
  return weight ? std::optional(weight->sizes().vec()) : std::nullopt;
}

/// Which operators of both graphs are the same, by their positions, and what has no partner.
struct Pairing {
  std::vector<size_t> fp32;
  std::vector<size_t> int8;
  std::vector<std::string> unpaired;
};

/// The operators of one graph, and what tells whether an operator of the other one fits.
class Side {
 public:
  Side(const char* name, jit::Graph& graph) : name_(name), operators_(operators_of(graph)) {
    for (const ListedOperator& listed : operators_) weights_.push_back(weight_sizes(listed));
  }

  size_t size() const { return operators_.size(); }
  bool has_weight(size_t i) const { return weights_[i].has_value(); }

  bool fits(size_t i, const Side& other, size_t j) const {
    return operators_[i].name == other.operators_[j].name && weights_[i] == other.weights_[j];
  }

  std::string unpaired(size_t i) const {
    const std::string found = "\"" + std::string(operators_[i].name) + "\", operator " +
                              std::to_string(i) + " of the " + name_;
    if (!has_weight(i)) return found;
    throw std::invalid_argument("the artifact does not come from this fp32 model: nothing fits " +
                                found + ", with a weight of " +
                                c10::str(at::IntArrayRef(*weights_[i])));
  }

 private:
  const char* name_;
  std::vector<ListedOperator> operators_;
  std::vector<std::optional<std::vector<int64_t>>> weights_;
};

Pairing pair_operators(const Side& fp32, const Side& int8) {
  const auto heavy = static_cast<int64_t>(std::min(fp32.size(), int8.size())) + 1;
  const auto pairs = align(fp32.size(), int8.size(), [&](size_t i, size_t j) -> int64_t {
    if (!fp32.fits(i, int8, j)) return 0;
    return fp32.has_weight(i) ? heavy : 1;
  });
  Pairing result;
  size_t i = 0;
  size_t j = 0;
  const auto leave_out = [&](size_t fp32_end, size_t int8_end) {
    for (; i < fp32_end; ++i) result.unpaired.push_back(fp32.unpaired(i));
    for (; j < int8_end; ++j) result.unpaired.push_back(int8.unpaired(j));
  };
  for (const auto& [next, partner] : pairs) {
    leave_out(next, partner);
    result.fp32.push_back(i++);
    result.int8.push_back(j++);
  }
  leave_out(fp32.size(), int8.size());
  return result;
}

std::vector<OperatorNoise> rows_of(const Reference& reference,
                                   const std::vector<ListedOperator>& operators,
                                   const Pairing& pairing) {
  std::vector<OperatorNoise> rows;
  for (size_t row = 0; row < pairing.int8.size(); ++row) {
    const ListedOperator& listed = operators[pairing.int8[row]];
    const auto id = reference.ids[pairing.fp32[row]];
    rows.push_back({std::string(listed.name), row, id, listed.is_quantized, {}, {}});
  }
  return rows;
}

using Nodes = std::vector<jit::Node*>;

Nodes nodes_at(jit::Graph& graph, const std::vector<size_t>& positions) {
  const auto operators = operators_of(graph);
  Nodes nodes;
  for (const size_t position : positions) nodes.push_back(operators[position].node);
  return nodes;
}

/// Makes the graph's outputs those of its operators.
void show_operators(jit::Graph& graph, const Nodes& nodes) {
  while (!graph.outputs().empty()) graph.eraseOutput(graph.outputs().size() - 1);
  for (jit::Node* node : nodes) graph.registerOutput(node->output());
}

/// Lets the readers of each operator read a new input of the graph instead.
void read_from_inputs(jit::Graph& graph, const Nodes& nodes) {
  for (jit::Node* node : nodes) {
    jit::Value* input = graph.addInput()->setType(c10::TensorType::get());
    node->output()->replaceAllUsesWith(input);
  }
}

class Runner {
 public:
  Runner(const Graph& graph, const jit::Module& module)
      : takes_module_(graph->inputs().front()->type()->is_module()),
        module_(module),
        code_(graph, "int8graph::compare") {}

  std::vector<c10::IValue> run(const std::vector<c10::IValue>& inputs,
                               const std::vector<c10::IValue>& more = {}) const {
    jit::Stack stack = stack_of(module_, inputs);
    if (!takes_module_) stack.erase(stack.begin());
    stack.insert(stack.end(), more.begin(), more.end());
    jit::InterpreterState(code_).run(stack);
    return stack;
  }

 private:
  const bool takes_module_;
  const jit::Module module_;
  const jit::Code code_;
};

Runner show(const Graph& graph, const jit::Module& module, const std::vector<size_t>& positions) {
  show_operators(*graph, nodes_at(*graph, positions));
  return {graph, module};
}

Runner show_alone(const Graph& graph, const jit::Module& module,
                  const std::vector<size_t>& positions) {
  const Nodes nodes = nodes_at(*graph, positions);
  read_from_inputs(*graph, nodes);
  show_operators(*graph, nodes);
  return {graph, module};
}

bool is_number(const c10::IValue& tensor) {
  return c10::isFloatingType(tensor.toTensor().scalar_type());
}

}  // namespace

void NoiseSums::add(const at::Tensor& reference, const at::Tensor& tensor) {
  const auto as_numbers = [](const at::Tensor& t) {
    return (t.is_quantized() ? t.dequantize() : t).to(at::kDouble);
  };
  at::Tensor wanted = as_numbers(reference);
  at::Tensor got = as_numbers(tensor);
  if (const at::Tensor finite = wanted.isfinite(); !finite.all().item<bool>()) {
    wanted = wanted.masked_select(finite);
    got = got.masked_select(finite);
  }
  signal += wanted.square().sum().item<double>();
  noise += (got - wanted).square().sum().item<double>();
}

double NoiseSums::sqnr() const {
  if (noise == 0) return std::numeric_limits<double>::infinity();
  return 10 * std::log10(signal / noise);
}

class OperatorNoiseMeter::Impl {
 public:
  Impl(const Reference& reference, const jit::Module& fp32, const Graph& graph,
       const jit::Module& artifact)
      : pairing_(pair_operators({"fp32 model", *reference.graph}, {"artifact", *graph})),
        rows_(rows_of(reference, operators_of(*graph), pairing_)),
        reference_(show(reference.graph, fp32, pairing_.fp32)),
        alone_(show_alone(graph->copy(), artifact, pairing_.int8)),
        together_(show(graph, artifact, pairing_.int8)) {}

  void add(const std::vector<c10::IValue>& inputs) {
    const auto wanted = reference_.run(inputs);
    const auto together = together_.run(inputs);
    for (size_t i = 0; i < rows_.size(); ++i) check_sizes(i, wanted[i], together[i]);
    const auto alone = alone_.run(inputs, wanted);
    for (size_t i = 0; i < rows_.size(); ++i) {
      if (!is_number(wanted[i])) continue;
      rows_[i].together.add(wanted[i].toTensor(), together[i].toTensor());
      rows_[i].alone.add(wanted[i].toTensor(), alone[i].toTensor());
    }
  }

  const std::vector<OperatorNoise>& rows() const { return rows_; }
  const std::vector<std::string>& unpaired() const { return pairing_.unpaired; }

 private:
  void check_sizes(size_t row, const c10::IValue& wanted, const c10::IValue& got) const {
    const auto fp32 = wanted.toTensor().sizes();
    const auto int8 = got.toTensor().sizes();
    if (fp32 == int8) return;
    throw std::invalid_argument(
        "the artifact does not come from this fp32 model: the output of \"" + rows_[row].name +
        "\", operator " + std::to_string(row) + ", is " + c10::str(fp32) +
        " in the fp32 model and " + c10::str(int8) + " in the artifact");
  }

  const Pairing pairing_;
  std::vector<OperatorNoise> rows_;
  const Runner reference_;
  const Runner alone_;
  const Runner together_;
};

OperatorNoiseMeter::OperatorNoiseMeter(const jit::Module& fp32, const jit::Module& artifact,
                                       const std::vector<OperatorEntry>& entries) {
  const jit::Module frozen = freeze_copy(fp32);
  impl_ = std::make_unique<Impl>(reference_of(frozen, entries), frozen, artifact_graph(artifact),
                                 artifact);
}

OperatorNoiseMeter::~OperatorNoiseMeter() = default;

void OperatorNoiseMeter::add(const std::vector<c10::IValue>& inputs) {
  impl_->add(inputs);
}

std::vector<OperatorNoise> OperatorNoiseMeter::result() const {
  return impl_->rows();
}

const std::vector<std::string>& OperatorNoiseMeter::unpaired() const {
  return impl_->unpaired();
}

}  // namespace int8graph
