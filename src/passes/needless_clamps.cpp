#include "passes/needless_clamps.h"

#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <string>

#include "config/environment.h"
#include "ops/float_values.h"
#include "ops/graph_edit.h"
#include "ops/graph_walk.h"
#include "ops/lowered_node.h"
#include "ops/operator_table.h"
#include "passes/quantizers.h"
#include "passes/writes.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

struct Limits {
  float low, high;
};

/// What the node clamps to; nothing if it does anything else.
std::optional<Limits> limits_of(jit::Node& node) {
  const auto op = lowered(node);
  if (!op) return {};
  if (op->kind == OpKind::ReLU) return Limits{0, std::numeric_limits<float>::infinity()};
  if (op->kind != OpKind::Clamp || !is_surely_float(*node.input(0))) return {};
  return Limits{attr_of<float>(*op, Attr::min), attr_of<float>(*op, Attr::max)};
}

// Float division, as quantizers do it, errs by far less than the hundredth that is missing to 0.5.
constexpr double kSlack = 0.49;  // steps

/// Whether both limits round to the ends of the quantizer's range, or lie beyond them.
bool holds_no_more(const QuantizerParameters& parameters, const Limits& limits) {
  const bool is_unsigned = parameters.dtype == static_cast<int64_t>(c10::kQUInt8);
  const double lowest = is_unsigned ? 0 : -128;
  const double highest = is_unsigned ? 255 : 127;
  const auto steps = [&](float limit) {
    return limit / parameters.scale + static_cast<double>(parameters.zero_point);
  };
  return steps(limits.low) <= lowest + kSlack && steps(limits.high) >= highest - kSlack;
}

bool is_needless(const jit::Value& clamped, const Limits& limits) {
  return clamped.hasUses() && std::ranges::all_of(clamped.uses(), [&](const jit::Use& use) {
           const auto parameters = is_quantize(*use.user) ? parameters_at(*use.user) : std::nullopt;
           return parameters && holds_no_more(*parameters, limits);
         });
}

}  // namespace

void remove_needless_clamps(jit::Block& block) {
  const auto written = written_values(*block.owningGraph());
  for_each_node(block, [&](jit::Node& node) {
    if (node.outputs().size() != 1 || node.inputs().empty()) return;
    const auto limits = limits_of(node);
    if (!limits || !is_needless(*node.output(), *limits)) return;
    if (written.contains(node.input(0)) || written.contains(node.output())) return;
    log_verbose([&] {
      return std::string(node.kind().toQualString()) + " is left to the quantizer behind it";
    });
    replace(node, node.input(0));
  });
}

}  // namespace int8graph
