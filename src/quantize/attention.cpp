#include "quantize/attention.h"

#include <ATen/core/Tensor.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>

#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <unordered_set>

#include "config/entry_label.h"
#include "config/environment.h"
#include "ops/graph_edit.h"
#include "ops/graph_walk.h"
#include "ops/operator_table.h"
#include "quantize/insert_quantizers.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

/// Positions in aten::scaled_dot_product_attention's schema.
enum Argument : size_t { kQuery, kKey, kValue, kMask, kDropout, kCausal, kScale, kGrouped };

/// Added to a score, it makes the probability zero; half the lowest float, so that no sum
/// overflows.
constexpr double kMasked = std::numeric_limits<float>::lowest() / 2;

void write_scale(jit::Node& node) {
  const auto type = node.input(kQuery)->type()->cast<c10::TensorType>();
  if (!node.input(kScale)->mustBeNone() || !type) return;
  const auto sizes = type->sizes().concrete_sizes();
  if (!sizes || sizes->empty() || sizes->back() <= 0) return;
  const double scale = 1.0 / std::sqrt(static_cast<double>(sizes->back()));
  const jit::WithInsertPoint guard(&node);
  node.replaceInput(kScale, node.owningGraph()->insertConstant(scale));
}

/// The dtype of a constant, or of a value whose type tells it.
std::optional<at::ScalarType> known_dtype(const jit::Value& value) {
  const auto constant = jit::toIValue(&value);
  if (constant && constant->isTensor()) return constant->toTensor().scalar_type();
  const auto type = value.type()->cast<c10::TensorType>();
  return type ? type->scalarType() : std::nullopt;
}

/// Whether a mask holds booleans for sure. Attention takes no integers, so logic makes them.
bool holds_booleans(const jit::Value& mask) {
  static const std::unordered_set<c10::Symbol> logic = {
      c10::aten::__and__,     c10::aten::__or__,     c10::aten::bitwise_not, c10::aten::logical_and,
      c10::aten::logical_not, c10::aten::logical_or, c10::aten::eq,          c10::aten::ne,
      c10::aten::lt,          c10::aten::le,         c10::aten::gt,          c10::aten::ge};
  if (const auto dtype = known_dtype(mask)) return *dtype == c10::kBool;
  const jit::Node& node = *mask.node();
  return logic.contains(node.kind()) || (moves_elements(node) && holds_booleans(*node.input(0)));
}

/// Of a node whose mask is known to hold numbers, until decompose_attention(): freezing takes the
/// types away that tell.
const c10::Symbol kMaskOfNumbers = c10::Symbol::attr("mask_of_numbers");

void write_mask(jit::Node& node) {
  const auto dtype = known_dtype(*node.input(kMask));
  if (dtype && *dtype != c10::kBool) node.i_(kMaskOfNumbers, 1);
  if (!holds_booleans(*node.input(kMask))) return;
  const jit::WithInsertPoint guard(&node);
  jit::Graph& graph = *node.owningGraph();
  node.replaceInput(kMask, graph.insert(c10::aten::where, {node.input(kMask), 0.0, kMasked}));
}

bool is_number(const jit::Value& value) {
  const auto constant = jit::toIValue(&value);
  return constant && (constant->isDouble() || constant->isInt());
}

/// Whether a mask holds numbers for sure: booleans must not be added to scores. Freezing takes away
/// types, so what views and arithmetic were made of tells, too: booleans times a number are
/// numbers.
bool holds_numbers(const jit::Value& mask) {
  if (is_number(mask)) return true;
  if (const auto dtype = known_dtype(mask)) return *dtype != c10::kBool;
  const jit::Node& node = *mask.node();
  if (node.kind() == c10::aten::where) return is_number(*node.input(1));  // as of write_mask()
  if (moves_elements(node)) return holds_numbers(*node.input(0));
  static const std::unordered_set<c10::Symbol> arithmetic = {
      c10::aten::add, c10::aten::sub, c10::aten::rsub, c10::aten::mul, c10::aten::div};
  return arithmetic.contains(node.kind()) &&
         (holds_numbers(*node.input(0)) || holds_numbers(*node.input(1)));
}

/// Why the node can't be written as matmuls; nothing when it can.
std::optional<std::string> obstacle(const jit::Node& node, const OperatorEntry& entry) {
  const auto constant = [&node](Argument i) { return jit::toIValue(node.input(i)); };
  const auto dropout = constant(kDropout);
  const auto causal = constant(kCausal);
  const auto grouped = constant(kGrouped);
  const auto scale = constant(kScale);
  if (!dropout || dropout->toDouble() != 0.0) return "it has dropout";
  if (!causal || causal->toBool()) return "it is causal";
  if (!grouped || grouped->toBool()) return "its queries are grouped";
  if (!scale || !scale->isDouble()) return "its scale is not a constant";
  const jit::Value& mask = *node.input(kMask);
  const bool is_of_numbers = node.hasAttribute(kMaskOfNumbers) || holds_numbers(mask);
  if (!mask.mustBeNone() && !is_of_numbers) return "its mask may be of booleans";
  for (const bool quantized : entry.inputs_quantized) {
    if (!quantized) return "inputs_quantized is false";
  }
  return {};
}

class Decomposer {
 public:
  Decomposer(jit::Node& node, const OperatorEntry& entry)
      : node_(node), entry_(entry), graph_(*node.owningGraph()), guard_(&node) {}

  jit::Value* run() {
    const double scale = jit::toIValue(node_.input(kScale))->toDouble();
    jit::Value* keys = insert(c10::aten::transpose, {quantized(kKey), -2, -1});
    jit::Value* scores = insert(c10::aten::matmul, {quantized(kQuery), keys});
    scores = insert(c10::aten::div, {scores, 1.0 / scale});
    if (!node_.input(kMask)->mustBeNone()) {
      scores = insert(c10::aten::add, {scores, node_.input(kMask)});
    }
    jit::Value* probabilities = insert(c10::aten::softmax, {scores, -1, c10::IValue()});
    probabilities =
        insert_dequantize(insert_quantize(probabilities, kProbabilities, &node_), &node_);
    return insert(c10::aten::matmul, {probabilities, quantized(kValue)});
  }

 private:
  jit::Value* insert(c10::Symbol symbol, at::ArrayRef<jit::NamedValue> arguments) {
    return graph_.insert(symbol, arguments);
  }

  jit::Value* quantized(Argument i) {
    const auto parameters = input_parameters(entry_, i);
    return insert_dequantize(insert_quantize(node_.input(i), parameters, &node_), &node_);
  }

  jit::Node& node_;
  const OperatorEntry& entry_;
  jit::Graph& graph_;
  const jit::WithInsertPoint guard_;
};

}  // namespace

bool is_attention(const jit::Node& node) {
  return node.kind() == c10::aten::scaled_dot_product_attention;
}

void make_attention_explicit(jit::Block& block) {
  for_each_node(block, [](jit::Node& node) {
    if (!is_attention(node)) return;
    write_scale(node);
    write_mask(node);
  });
}

size_t decompose_attention(jit::Block& block, MatchedEntries& matched) {
  size_t decomposed = 0;
  for_each_node(block, [&](jit::Node& node) {
    if (!is_attention(node)) return;
    const auto found = matched.find(&node);
    const OperatorEntry* entry = found == matched.end() ? nullptr : found->second;
    const auto reason = entry == nullptr ? std::nullopt : obstacle(node, *entry);
    if (node.hasAttribute(kMaskOfNumbers)) node.removeAttribute(kMaskOfNumbers);
    if (entry == nullptr) return;
    matched.erase(found);
    if (reason) {
      log_verbose([&] { return "not quantized: " + label_of(*entry) + ": " + *reason; });
      return;
    }
    replace(node, Decomposer(node, *entry).run());
    ++decomposed;
  });
  return decomposed;
}

}  // namespace int8graph
