#include "quantize/recognize_activations.h"

#include <ATen/ATen.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/runtime/interpreter.h>

#include <algorithm>
#include <array>
#include <exception>
#include <span>
#include <unordered_map>
#include <vector>

#include "ops/float_values.h"
#include "ops/graph_edit.h"
#include "ops/graph_walk.h"
#include "passes/writes.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

// The longest known form, that of the normal distribution's cdf, has 9 operators.
constexpr size_t kMostOperators = 16;

bool is_part_of_formulas(const jit::Node& node) {
  static const std::array kinds = {c10::aten::add,   c10::aten::sub,        c10::aten::mul,
                                   c10::aten::div,   c10::aten::pow,        c10::aten::neg,
                                   c10::aten::rsub,  c10::aten::sqrt,       c10::aten::erf,
                                   c10::aten::tanh,  c10::aten::reciprocal, c10::aten::softplus,
                                   c10::aten::relu6, c10::aten::hardtanh,   c10::aten::clamp};
  return std::ranges::find(kinds, node.kind()) != kinds.end();
}

/// What stands in the middle of each formula.
bool is_core(const jit::Node& node) {
  static const std::array kinds = {c10::aten::erf, c10::aten::tanh, c10::aten::relu6,
                                   c10::aten::hardtanh, c10::aten::clamp};
  return std::ranges::find(kinds, node.kind()) != kinds.end();
}

/// A number, or a tensor of one element, so that the formula is the same for all of x.
bool is_number(const jit::Value& value) {
  const auto constant = jit::toIValue(&value);
  return constant && (!constant->isTensor() || constant->toTensor().numel() == 1);
}

/// The formula of `result` in terms of `x`, as a graph of its own.
class Formula {
 public:
  Formula(jit::Value* x, jit::Value* result) : result_(result) {
    values_.emplace(x, graph_->addInput());
    is_closed_ = build(*result);
    if (is_closed_) graph_->registerOutput(values_.at(result));
  }

  bool is_closed() const { return is_closed_; }  ///< whether it depends on nothing but x

  bool reads_any(const WrittenValues& written) const {
    return std::ranges::any_of(values_, [&](const auto& v) { return written.contains(v.first); });
  }

  at::Tensor at(const at::Tensor& numbers) const {
    jit::Stack stack = {numbers};
    jit::InterpreterState(jit::Code(graph_, "formula")).run(stack);
    return stack.front().toTensor();
  }

 private:
  bool build(jit::Value& value) {
    if (values_.contains(&value)) return true;
    jit::Node* node = value.node();
    const bool is_constant = node->kind() == c10::prim::Constant;
    if (is_constant ? is_tensor(value) && !is_number(value) : !is_part_of_formulas(*node))
      return false;
    if (++operators_ > 4 * kMostOperators) return false;
    for (jit::Value* input : node->inputs()) {
      if (!build(*input)) return false;
    }
    jit::Node* copy = graph_->insertNode(
        graph_->createClone(node, [this](jit::Value* input) { return values_.at(input); }));
    values_.emplace(&value, copy->output());
    return true;
  }

  const std::shared_ptr<jit::Graph> graph_ = std::make_shared<jit::Graph>();
  std::unordered_map<const jit::Value*, jit::Value*> values_;
  jit::Value* result_;
  size_t operators_ = 0;
  bool is_closed_ = false;
};

struct Activation {
  c10::Symbol kind;
  const char* approximation;  ///< of GELU; null for others
  at::Tensor (*of)(const at::Tensor& x);
};

std::span<const Activation> activations() {
  static const std::array kActivations = {
      Activation{c10::aten::gelu, "none", [](const at::Tensor& x) { return at::gelu(x, "none"); }},
      Activation{c10::aten::gelu, "tanh", [](const at::Tensor& x) { return at::gelu(x, "tanh"); }},
      Activation{c10::aten::hardswish, nullptr, at::hardswish},
      Activation{c10::aten::hardsigmoid, nullptr, at::hardsigmoid},
      Activation{c10::aten::mish, nullptr, at::mish},
  };
  return kActivations;
}

/// Where the activations bend, and far outside, where a clamp behind one may come in.
at::Tensor numbers_to_try() {
  return at::cat(
      {at::linspace(-8, 8, 1001), at::tensor({-1e6, -1e3, -50.0, 50.0, 1e3, 1e6}).to(at::kFloat)});
}

/// Which activation a formula is; null if none.
const Activation* activation_of(const Formula& formula) {
  const c10::InferenceMode no_grad;
  const at::Tensor numbers = numbers_to_try();
  at::Tensor results;
  try {
    results = formula.at(numbers);
  } catch (const std::exception&) {
    return nullptr;  // a formula of something else than floats
  }
  if (results.sizes() != numbers.sizes() || results.scalar_type() != c10::kFloat) return nullptr;
  for (const Activation& activation : activations()) {
    if (at::allclose(results, activation.of(numbers), 1e-5, 1e-5)) return &activation;
  }
  return nullptr;
}

jit::Value* insert_activation(const Activation& activation, jit::Value* x, jit::Node* before) {
  jit::Graph& graph = *before->owningGraph();
  const jit::WithInsertPoint guard(before);
  std::vector<jit::NamedValue> named;
  if (activation.approximation != nullptr)
    named.emplace_back("approximate", activation.approximation);
  return graph.insert(activation.kind, {x}, named);
}

/// Values that arithmetic makes `value` of, those nearest to it last.
std::vector<jit::Value*> sources_of(jit::Value& value) {
  std::vector<jit::Value*> sources = {&value};
  for (size_t i = 0; i < sources.size() && sources.size() < kMostOperators; ++i) {
    if (!is_part_of_formulas(*sources[i]->node())) continue;
    for (jit::Value* input : sources[i]->node()->inputs()) {
      const bool is_known = std::ranges::find(sources, input) != sources.end();
      if (is_tensor(*input) && !is_number(*input) && !is_known) sources.push_back(input);
    }
  }
  std::ranges::reverse(sources);
  return sources;
}

/// `value`, and what arithmetic makes of it and nobody else reads on the way, the last first: a
/// hard-swish holds a hard-sigmoid.
std::vector<jit::Value*> results_of(jit::Value& value) {
  std::vector<jit::Value*> results = {&value};
  jit::Value* last = &value;
  while (last->uses().size() == 1 && results.size() < kMostOperators) {
    jit::Node* reader = last->uses().front().user;
    if (!is_part_of_formulas(*reader)) break;
    last = reader->output();
    results.push_back(last);
  }
  std::ranges::reverse(results);
  return results;
}

void recognize_around(jit::Node& node, const WrittenValues& written) {
  for (jit::Value* result : results_of(*node.output())) {
    for (jit::Value* x : sources_of(*node.input(0))) {
      if (!is_surely_float(*x)) continue;  // there are no activations of integers
      const Formula formula(x, result);
      if (!formula.is_closed() || formula.reads_any(written)) continue;
      const Activation* activation = activation_of(formula);
      if (activation == nullptr) continue;
      result->replaceAllUsesWith(insert_activation(*activation, x, result->node()));
      return;
    }
  }
}

}  // namespace

void recognize_activations(jit::Block& block) {
  const WrittenValues written = written_values(*block.owningGraph());
  for_each_node(block, [&](jit::Node& node) {
    if (is_core(node)) recognize_around(node, written);
  });
}

}  // namespace int8graph
