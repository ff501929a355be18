#include "quantize/recognize_gelu.h"

#include <ATen/ATen.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/runtime/interpreter.h>

#include <algorithm>
#include <array>
#include <exception>
#include <unordered_map>
#include <vector>

#include "ops/graph_edit.h"
#include "ops/graph_walk.h"
#include "passes/writes.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

// The longest known form, that of the normal distribution's cdf, has 9 operators.
constexpr size_t kMostOperators = 16;

bool is_arithmetic(const jit::Node& node) {
  static const std::array<c10::Symbol, 11> kinds = {
      c10::aten::add, c10::aten::sub,  c10::aten::mul,       c10::aten::div,
      c10::aten::pow, c10::aten::neg,  c10::aten::rsub,      c10::aten::tanh,
      c10::aten::erf, c10::aten::sqrt, c10::aten::reciprocal};
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
    if (is_constant ? is_tensor(value) && !is_number(value) : !is_arithmetic(*node)) return false;
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

/// Which GELU a formula is; null if none.
const char* approximation_of(const Formula& formula) {
  const c10::InferenceMode no_grad;
  const at::Tensor numbers = at::linspace(-8, 8, 1001);
  at::Tensor results;
  try {
    results = formula.at(numbers);
  } catch (const std::exception&) {
    return nullptr;  // a formula of something else than floats
  }
  if (results.sizes() != numbers.sizes() || results.scalar_type() != c10::kFloat) return nullptr;
  for (const char* approximation : {"none", "tanh"}) {
    if (at::allclose(results, at::gelu(numbers, approximation), 0, 1e-5)) return approximation;
  }
  return nullptr;
}

/// Values that arithmetic makes `value` of, those nearest to it last.
std::vector<jit::Value*> sources_of(jit::Value& value) {
  std::vector<jit::Value*> sources = {&value};
  for (size_t i = 0; i < sources.size() && sources.size() < kMostOperators; ++i) {
    if (!is_arithmetic(*sources[i]->node())) continue;
    for (jit::Value* input : sources[i]->node()->inputs()) {
      const bool is_known = std::ranges::find(sources, input) != sources.end();
      if (is_tensor(*input) && !is_number(*input) && !is_known) sources.push_back(input);
    }
  }
  std::ranges::reverse(sources);
  return sources;
}

/// Values that arithmetic makes of `value` and nobody else reads on the way.
std::vector<jit::Value*> results_of(jit::Value& value) {
  std::vector<jit::Value*> results;
  jit::Value* last = &value;
  while (last->uses().size() == 1 && results.size() < kMostOperators) {
    jit::Node* reader = last->uses().front().user;
    if (!is_arithmetic(*reader)) break;
    last = reader->output();
    results.push_back(last);
  }
  return results;
}

void recognize_around(jit::Node& node, const WrittenValues& written) {
  for (jit::Value* result : results_of(*node.output())) {
    for (jit::Value* x : sources_of(*node.input(0))) {
      const Formula formula(x, result);
      if (!formula.is_closed() || formula.reads_any(written)) continue;
      const char* approximation = approximation_of(formula);
      if (approximation == nullptr) continue;
      jit::Graph& graph = *node.owningGraph();
      const jit::WithInsertPoint guard(result->node());
      jit::Value* gelu = graph.insert(c10::aten::gelu, {x}, {{"approximate", approximation}});
      result->replaceAllUsesWith(gelu);
      return;
    }
  }
}

}  // namespace

void recognize_gelu(jit::Block& block) {
  const WrittenValues written = written_values(*block.owningGraph());
  for_each_node(block, [&](jit::Node& node) {
    if (node.kind() == c10::aten::tanh || node.kind() == c10::aten::erf) {
      recognize_around(node, written);
    }
  });
}

}  // namespace int8graph
