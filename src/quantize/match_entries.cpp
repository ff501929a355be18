#include "quantize/match_entries.h"

#include <ATen/core/Tensor.h>
#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string>

#include "config/environment.h"
#include "ops/activations.h"
#include "ops/graph_walk.h"
#include "ops/node_arguments.h"
#include "ops/operator_table.h"
#include "quantize/align.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

/// A node of the graph, by what an entry knows of it.
struct Call {
  jit::Node* node;
  const Operator* row;
  size_t inputs;
  std::optional<int64_t> channels;
  bool is_conditional;  ///< in a branch or a loop, which need not have run while calibrating
};

bool is_integer_tensor(const jit::Value& value) {
  const auto type = value.type()->cast<c10::TensorType>();
  return type && type->scalarType() && !c10::isFloatingType(*type->scalarType());
}

std::vector<Call> calls_in(jit::Block& block) {
  std::vector<Call> calls;
  for_each_node(block, [&](jit::Node& node) {
    const Operator* row = find_operator(node);
    if (row == nullptr || !row->recorded()) return;
    const auto activations = activations_of(node, *row);
    if (!activations.empty() && is_integer_tensor(*activations.front().value())) return;
    if (activations.empty() && !row->weight) return;
    const bool is_conditional = node.owningBlock() != &block;
    Call call{&node, row, activations.size(), {}, is_conditional};
    if (row->weight) {
      if (const auto weight = constant_tensor(node.input(row->weight->argument))) {
        call.channels = weight->size(row->weight->channel_axis);
      }
    }
    calls.push_back(call);
  });
  return calls;
}

/// Names that the predecessor's files use for what are in-place forms.
std::string_view plain_name(std::string_view name) {
  if (name.ends_with('_')) name.remove_suffix(1);
  return name;
}

bool fit(const Call& call, const OperatorEntry& entry) {
  if (call.row->name != plain_name(entry.name)) return false;
  if (call.inputs != entry.inputs_flow.size()) return false;
  if (!call.channels || entry.weight_scales.empty()) return true;
  const size_t scales = entry.weight_scales.front().size();
  return entry.weight_granularity == WeightGranularity::PerTensor || scales == 1 ||
         static_cast<int64_t>(scales) == *call.channels;
}

bool is_compute(const OperatorEntry& entry) {
  const Operator* row = find_operator_by_name(plain_name(entry.name));
  return row != nullptr && row->is_compute();
}

bool has_quantizers(const OperatorEntry& entry) {
  const auto any = [](const std::vector<bool>& flags) {
    return std::ranges::find(flags, true) != flags.end();
  };
  return any(entry.inputs_quantized) || any(entry.outputs_quantized);
}

bool must_match(const OperatorEntry& entry) {
  return is_compute(entry) && (has_quantizers(entry) || !entry.weight_scales.empty());
}

bool must_match(const Call& call) {
  return call.row->is_compute() && call.channels.has_value() && !call.is_conditional;
}

std::string describe(const Call& call) {
  std::string text =
      std::string(call.row->name) + " with " + std::to_string(call.inputs) + " activation input(s)";
  if (call.channels) text += " and " + std::to_string(*call.channels) + " output channels";
  return text;
}

std::string describe(const OperatorEntry& entry) {
  std::string text = "entry " + std::to_string(entry.id) + ", " + entry.name + " with " +
                     std::to_string(entry.inputs_flow.size()) + " activation input(s)";
  if (!entry.weight_scales.empty()) {
    text += " and " + std::to_string(entry.weight_scales.front().size()) + " weight scale(s)";
  }
  return text;
}

/// Pairs of which one or both must be found weigh more than all others together, so that a layer
/// that surely runs comes before an equal one in a branch; then come those with quantizers.
std::vector<std::pair<size_t, size_t>> pairs_of(const std::vector<Call>& calls,
                                                const std::vector<OperatorEntry>& entries) {
  const auto heavy = static_cast<int64_t>(std::min(calls.size(), entries.size())) + 1;
  return align(calls.size(), entries.size(), [&](size_t i, size_t j) -> int64_t {
    if (!fit(calls[i], entries[j])) return 0;
    const int64_t needed = (must_match(entries[j]) ? 1 : 0) + (must_match(calls[i]) ? 1 : 0);
    return needed * heavy * heavy + (has_quantizers(entries[j]) ? heavy : 0) + 1;
  });
}

[[noreturn]] void fail(const std::string& model_side, const std::string& conf_side) {
  throw std::invalid_argument(
      "the QuantConf is not that of this model: the model has " + model_side +
      " where the QuantConf has " + conf_side +
      "; calibrate this very model, with the same kind of input, or take its own file");
}

void tell_left_over(const std::vector<OperatorEntry>& entries, size_t begin, size_t end) {
  for (size_t i = begin; i < end; ++i) {
    if (!has_quantizers(entries[i])) continue;
    log_verbose([&] {
      return "not quantized: " + describe(entries[i]) + ": freezing left no such operator";
    });
  }
}

}  // namespace

MatchedEntries match_entries(jit::Block& block, const std::vector<OperatorEntry>& entries) {
  const std::vector<Call> calls = calls_in(block);
  MatchedEntries matched;
  size_t next_call = 0;
  size_t next_entry = 0;
  const auto check_skipped = [&](size_t call_end, size_t entry_end) {
    const auto call = std::find_if(calls.begin() + static_cast<std::ptrdiff_t>(next_call),
                                   calls.begin() + static_cast<std::ptrdiff_t>(call_end),
                                   [](const Call& c) { return must_match(c); });
    const auto entry = std::find_if(entries.begin() + static_cast<std::ptrdiff_t>(next_entry),
                                    entries.begin() + static_cast<std::ptrdiff_t>(entry_end),
                                    [](const OperatorEntry& e) { return must_match(e); });
    const bool call_left = call != calls.begin() + static_cast<std::ptrdiff_t>(call_end);
    const bool entry_left = entry != entries.begin() + static_cast<std::ptrdiff_t>(entry_end);
    if (!call_left && !entry_left) {
      return tell_left_over(entries, next_entry, entry_end);
    }
    fail(call_left                  ? describe(*call)
         : next_call < calls.size() ? describe(calls[next_call])
                                    : "no further operator",
         entry_left                    ? describe(*entry)
         : next_entry < entries.size() ? describe(entries[next_entry])
                                       : "no further entry");
  };
  for (const auto& [call, entry] : pairs_of(calls, entries)) {
    check_skipped(call, entry);
    matched.emplace(calls[call].node, &entries[entry]);
    next_call = call + 1;
    next_entry = entry + 1;
  }
  check_skipped(calls.size(), entries.size());
  return matched;
}

}  // namespace int8graph
