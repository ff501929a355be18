#include "passes/needless_clamps.h"

#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>

#include "config/environment.h"
#include "ops/graph_walk.h"
#include "ops/operator_table.h"
#include "passes/quantizers.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

struct Limits {
  float low, high;
};

float number(const LoweredOp& op, Attr attr) {
  const auto entry = std::ranges::find(op.attrs, attr, [](const auto& e) { return e.first; });
  return std::get<float>(entry->second);
}

/// What the node clamps to; nothing if it does anything else.
std::optional<Limits> limits_of(jit::Node& node) {
  const Lowering lowering = lower_node(node);
  const auto* op = std::get_if<LoweredOp>(&lowering);
  if (op == nullptr) return {};
  if (op->kind == OpKind::ReLU) return Limits{0, std::numeric_limits<float>::infinity()};
  if (op->kind == OpKind::Clamp) return Limits{number(*op, Attr::min), number(*op, Attr::max)};
  return {};
}

/// Whether both limits are, rounded, at or beyond the ends of the quantizer's range.
bool holds_no_more(const QuantizerParameters& parameters, const Limits& limits) {
  const bool is_unsigned = parameters.dtype == static_cast<int64_t>(c10::kQUInt8);
  const double lowest = is_unsigned ? 0 : -128;
  const double highest = is_unsigned ? 255 : 127;
  const auto quantized = [&](float limit) {
    return std::nearbyint(limit / parameters.scale) + static_cast<double>(parameters.zero_point);
  };
  return quantized(limits.low) <= lowest && quantized(limits.high) >= highest;
}

bool is_needless(const jit::Value& clamped, const Limits& limits) {
  return clamped.hasUses() && std::ranges::all_of(clamped.uses(), [&](const jit::Use& use) {
           const auto parameters = is_quantize(*use.user) ? parameters_at(*use.user) : std::nullopt;
           return parameters && holds_no_more(*parameters, limits);
         });
}

}  // namespace

void remove_needless_clamps(jit::Block& block) {
  for_each_node(block, [](jit::Node& node) {
    if (node.outputs().size() != 1 || node.inputs().empty()) return;
    const auto limits = limits_of(node);
    if (!limits || !is_needless(*node.output(), *limits)) return;
    log_verbose([&] {
      return std::string(node.kind().toQualString()) + " is left to the quantizer behind it";
    });
    node.output()->replaceAllUsesWith(node.input(0));
    node.destroy();
  });
}

}  // namespace int8graph
