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
#include "quantize/call_marks.h"

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

bool is_product(const OperatorEntry& entry) {
  return is_compute(entry) && entry.weight_scales.empty();
}

bool has_quantizers(const OperatorEntry& entry) {
  const auto any = [](const std::vector<bool>& flags) {
    return std::ranges::find(flags, true) != flags.end();
  };
  return any(entry.inputs_quantized) || any(entry.outputs_quantized);
}

bool feeds(const OperatorEntry& producer, const OperatorEntry& reader) {
  return std::ranges::any_of(producer.outputs_flow, [&](const std::string& flow) {
    return std::ranges::find(reader.inputs_flow, flow) != reader.inputs_flow.end();
  });
}

/// Whether PyTorch may have made one aten::cat of this one and another that reads it or feeds it,
/// as it does when it inlines a model.
bool may_be_merged(const OperatorEntry& entry, const std::vector<OperatorEntry>& entries) {
  return entry.name == "cat" && std::ranges::any_of(entries, [&](const OperatorEntry& other) {
           return other.name == "cat" && (feeds(entry, other) || feeds(other, entry));
         });
}

/// Which entries must have a partner.
std::vector<bool> needed_among(const std::vector<OperatorEntry>& entries) {
  std::vector<bool> needed;
  for (const OperatorEntry& entry : entries) {
    const bool is_layer = is_compute(entry) && !entry.weight_scales.empty();
    const bool is_placed = has_quantizers(entry) && !may_be_merged(entry, entries);
    needed.push_back(is_layer || is_placed);
  }
  return needed;
}

using Pairs = std::vector<std::pair<size_t, size_t>>;

/// Which entries speak of what was computed when the model was frozen, as it reads constants only.
///
///     entry 1: reads what no entry makes, no partner     aten::linear(%table, %w, %b)  ==>  gone
///     entry 2: reads entry 1's output, has a partner     aten::add(%x, %constant)
///
/// What nobody reads might as well be another one's partner, so it is not among them, but for
/// products, which some layer has for its weight, where no other one is near.
class FoldedEntries {
 public:
  FoldedEntries(const std::vector<OperatorEntry>& entries, const std::vector<Call>& calls,
                const Pairs& pairs)
      : entries_(entries), partners_(entries.size()) {
    for (const auto& [call, entry] : pairs) partners_[entry] = &calls[call];
    for (size_t e = 0; e < entries.size(); ++e) {
      folded_.push_back(partners_[e] == nullptr && reads_folded_only(e));
    }
    for (size_t e = entries.size(); e-- > 0;) folded_[e] = folded_[e] && is_read_as_constant(e);
  }

  bool contains(size_t entry) const { return folded_[entry]; }

 private:
  bool reads_folded_only(size_t entry) const {
    for (size_t producer = 0; producer < entry; ++producer) {
      if (!folded_[producer] && feeds(entries_[producer], entries_[entry])) return false;
    }
    return true;
  }

  bool is_read_as_constant(size_t entry) const {
    bool has_reader = false;
    for (size_t reader = entry + 1; reader < entries_.size(); ++reader) {
      for (const size_t input : inputs_from(entry, reader)) {
        const bool reads_constant =
            partners_[reader] != nullptr && is_constant(*partners_[reader], input);
        if (!folded_[reader] && !reads_constant) return false;
        has_reader = true;
      }
    }
    return has_reader || (is_product(entries_[entry]) && !might_be_a_neighbours_partner(entry));
  }

  bool might_be_a_neighbours_partner(size_t entry) const {
    const auto is_paired = [](const Call* call) { return call != nullptr; };
    const auto here = partners_.begin() + static_cast<std::ptrdiff_t>(entry);
    const auto behind = std::find_if(here, partners_.end(), is_paired);
    const auto before = std::find_if(std::make_reverse_iterator(here), partners_.rend(), is_paired);
    return (behind != partners_.end() && fit(**behind, entries_[entry])) ||
           (before != partners_.rend() && fit(**before, entries_[entry]));
  }

  std::vector<size_t> inputs_from(size_t producer, size_t reader) const {
    std::vector<size_t> inputs;
    const auto& made = entries_[producer].outputs_flow;
    const auto& read = entries_[reader].inputs_flow;
    for (size_t i = 0; i < read.size(); ++i) {
      if (std::ranges::find(made, read[i]) != made.end()) inputs.push_back(i);
    }
    return inputs;
  }

  static bool is_constant(const Call& call, size_t input) {
    const auto activations = activations_of(*call.node, *call.row);
    if (input >= activations.size()) return false;
    const jit::Value* value = activations[input].value();
    while (moves_elements(*value->node())) value = value->node()->input(0);
    return constant_tensor(value).has_value();
  }

  const std::vector<OperatorEntry>& entries_;
  std::vector<const Call*> partners_;
  std::vector<bool> folded_;
};

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

/// Which of equally good alignments: calls have the first entries that fit, or the last ones.
/// Layers that were folded stand behind equal ones that run, or before them.
enum class Fitting { First, Last };

/// Pairs of which one or both must be found weigh more than all others together, so that a layer
/// that surely runs comes before an equal one in a branch, and of those in branches one that the
/// example inputs run.
Pairs pairs_of(const std::vector<Call>& calls, const std::vector<OperatorEntry>& entries,
               const std::vector<bool>& needed, Fitting fitting) {
  const auto heavy = 2 * static_cast<int64_t>(std::min(calls.size(), entries.size())) + 1;
  const auto weight = [&](size_t i, size_t j) -> int64_t {
    if (!fit(calls[i], entries[j])) return 0;
    return (is_idle(*calls[i].node) ? 1 : 2) + (needed[j] ? heavy : 0) +
           (must_match(calls[i]) ? heavy : 0);
  };
  if (fitting == Fitting::First) return align(calls.size(), entries.size(), weight);
  const auto call = [&](size_t i) { return calls.size() - 1 - i; };
  const auto entry = [&](size_t j) { return entries.size() - 1 - j; };
  Pairs pairs = align(calls.size(), entries.size(),
                      [&](size_t i, size_t j) { return weight(call(i), entry(j)); });
  std::ranges::reverse(pairs);
  for (auto& [i, j] : pairs) {
    i = call(i);
    j = entry(j);
  }
  return pairs;
}

std::string contradiction(const std::string& model_side, const std::string& conf_side) {
  return "the QuantConf is not that of this model: the model has " + model_side +
         " where the QuantConf has " + conf_side +
         "; calibrate this very model, with the same kind of input, or take its own file";
}

/// What both sides have between the first two pairs that leave out what needs a partner; nothing if
/// there are none.
std::optional<std::string> contradiction_of(const std::vector<Call>& calls,
                                            const std::vector<OperatorEntry>& entries,
                                            const std::vector<bool>& needed, Pairs pairs) {
  const FoldedEntries folded(entries, calls, pairs);
  pairs.emplace_back(calls.size(), entries.size());
  size_t next_call = 0;
  size_t next_entry = 0;
  for (const auto& [call_end, entry_end] : pairs) {
    size_t call = next_call;
    while (call < call_end && !must_match(calls[call])) ++call;
    size_t entry = next_entry;
    while (entry < entry_end && (!needed[entry] || folded.contains(entry))) ++entry;
    if (call < call_end || entry < entry_end) {
      if (call == call_end) call = next_call;
      if (entry == entry_end) entry = next_entry;
      return contradiction(call < calls.size() ? describe(calls[call]) : "no further operator",
                           entry < entries.size() ? describe(entries[entry]) : "no further entry");
    }
    next_call = call_end + 1;
    next_entry = entry_end + 1;
  }
  return {};
}

void tell_left_over(const std::vector<OperatorEntry>& entries, const Pairs& pairs) {
  std::vector<bool> has_partner(entries.size(), false);
  for (const auto& [call, entry] : pairs) has_partner[entry] = true;
  for (size_t i = 0; i < entries.size(); ++i) {
    if (has_partner[i] || !has_quantizers(entries[i])) continue;
    log_verbose([&] {
      return "not quantized: " + describe(entries[i]) +
             ": the model has no such operator; joins of joins may have become one, and what reads "
             "constants only is computed when the model is converted";
    });
  }
}

}  // namespace

MatchedEntries match_entries(jit::Block& block, const std::vector<OperatorEntry>& entries) {
  const std::vector<Call> calls = calls_in(block);
  const std::vector<bool> needed = needed_among(entries);
  std::optional<std::string> first_contradiction;
  for (const Fitting fitting : {Fitting::First, Fitting::Last}) {
    const Pairs pairs = pairs_of(calls, entries, needed, fitting);
    auto found = contradiction_of(calls, entries, needed, pairs);
    if (!found) {
      tell_left_over(entries, pairs);
      MatchedEntries matched;
      for (const auto& [call, entry] : pairs) matched.emplace(calls[call].node, &entries[entry]);
      return matched;
    }
    if (!first_contradiction) first_contradiction = std::move(found);
  }
  throw std::invalid_argument(*first_contradiction);
}

}  // namespace int8graph
