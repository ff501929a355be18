#include "recipe/recipe.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>

#include "recipe/recipe_graph.h"

namespace int8graph {

namespace {

using Entries = std::vector<OperatorEntry>;

void set_flags(OperatorEntry& entry, bool inputs, bool outputs) {
  entry.inputs_quantized.assign(entry.inputs_flow.size(), inputs);
  entry.outputs_quantized.assign(entry.outputs_flow.size(), outputs);
}

// --- Questions to the graph -------------------------------------------------------------------

// Whether the operator fuses, in fp32, behind what makes its one input.
bool fuses_behind(const RecipeGraph& graph, size_t index) {
  return (graph.is(index, OpClass::Norm) || graph.is(index, OpClass::Elementwise)) &&
         graph.entry(index).inputs_flow.size() == 1;
}

// The convolution or linear layer whose result, seen through norms and element-wise operators that
// fuse behind it, the input reads and nobody else does.
std::optional<size_t> fusable_compute(const RecipeGraph& graph, size_t index, size_t input) {
  auto source = graph.source(index, input);
  while (source.has_value() && graph.readers(*source).size() == 1) {
    const size_t producer = source->entry;
    if (graph.is(producer, OpClass::Conv) || graph.is(producer, OpClass::Linear)) {
      return graph.is_int8_compute(producer) ? std::optional(producer) : std::nullopt;
    }
    if (!fuses_behind(graph, producer)) return std::nullopt;
    source = graph.source(producer, 0);
  }
  return std::nullopt;
}

// Whether the input can arrive in int8: from int8 compute or a quantized sum, through what fuses
// behind those or hands int8 through.
bool comes_from_int8(const RecipeGraph& graph, size_t index, size_t input) {
  const auto source = graph.source(index, input);
  if (!source.has_value()) return false;
  const size_t producer = source->entry;
  if (graph.is_int8_compute(producer)) return true;
  if (graph.is(producer, OpClass::Norm) || graph.is(producer, OpClass::Elementwise)) {
    return !graph.entry(producer).inputs_flow.empty() && comes_from_int8(graph, producer, 0);
  }
  const auto& flags = graph.entry(producer).inputs_quantized;
  if (graph.is(producer, OpClass::Add))
    return std::find(flags.begin(), flags.end(), true) != flags.end();
  return graph.hands_through_int8(producer) && comes_from_int8(graph, producer, 0);
}

// Whether what reads there goes on in int8: computes, sums up, averages, or hands it through.
bool goes_on_in_int8(const RecipeGraph& graph, const Activation& reader) {
  if (!graph.is_quantized(reader)) return false;
  return graph.is_int8_compute(reader.entry) || graph.is(reader.entry, OpClass::Add) ||
         graph.averages_int8(reader.entry) || graph.hands_through_int8(reader.entry);
}

// Whether int8 compute, a sum or an average reads the output, perhaps from behind others that hand
// it through.
bool reaches_int8(const RecipeGraph& graph, const Activation& output) {
  const auto& readers = graph.readers(output);
  return std::any_of(readers.begin(), readers.end(), [&](const Activation& reader) {
    if (!goes_on_in_int8(graph, reader)) return false;
    return !graph.hands_through_int8(reader.entry) || reaches_int8(graph, {reader.entry, 0, true});
  });
}

// Whether a sum's output is read in int8, perhaps behind element-wise operators. A norm is folded
// into convolutions and linear layers only, so behind a sum it computes in fp32.
bool is_read_in_int8(const RecipeGraph& graph, const Activation& output) {
  const auto& readers = graph.readers(output);
  return std::any_of(readers.begin(), readers.end(), [&](const Activation& reader) {
    if (goes_on_in_int8(graph, reader)) return true;
    return graph.is(reader.entry, OpClass::Elementwise) &&
           is_read_in_int8(graph, {reader.entry, 0, true});
  });
}

// Whether what an average reads is made in int8 for it: by compute, by a quantized sum or by what
// hands int8 through, perhaps with norms and one-input element-wise operators that fuse behind,
// which nobody else reads. Beside it only those may read that surely take the same int8:
// convolutions, pools and other averages, which form a group.
bool average_reads_int8(const RecipeGraph& graph, size_t index) {
  auto source = graph.source(index, 0);
  const auto takes_int8 = [&](const Activation& reader) {
    const bool convolves =
        graph.is(reader.entry, OpClass::Conv) && graph.is_int8_compute(reader.entry);
    const bool pools =
        graph.is(reader.entry, OpClass::Pool) && graph.hands_through_int8(reader.entry);
    return convolves || pools || graph.averages_int8(reader.entry);
  };
  if (!source.has_value() || !std::ranges::all_of(graph.readers(*source), takes_int8)) return false;
  if (graph.hands_through_int8(source->entry)) return comes_from_int8(graph, index, 0);
  for (bool is_behind_norm = false; source.has_value();) {
    const size_t producer = source->entry;
    if (graph.is_int8_compute(producer)) return true;
    if (graph.is(producer, OpClass::Add)) {
      const auto& flags = graph.entry(producer).inputs_quantized;
      return !is_behind_norm && std::ranges::count(flags, true) > 0;
    }
    if (!fuses_behind(graph, producer)) return false;
    is_behind_norm |= graph.is(producer, OpClass::Norm);
    source = graph.source(producer, 0);
    if (source.has_value() && graph.readers(*source).size() != 1) return false;
  }
  return false;
}

// --- The rules --------------------------------------------------------------------------------

// A quantizer behind compute, a sum or an average would only repeat its readers' own; without such
// readers the result is wanted in fp32.
void drop_outputs_of_compute(Entries& entries) {
  const RecipeGraph graph(entries);
  for (size_t i = 0; i < entries.size(); ++i) {
    if (graph.is_int8_compute(i) || graph.is(i, OpClass::Add) || graph.is(i, OpClass::Average)) {
      entries[i].outputs_quantized.assign(entries[i].outputs_quantized.size(), false);
    }
  }
}

// An average reads int8 where that is made for it; otherwise its quantizer would be one more pass
// over memory. Before sums are looked at, as those go on in int8 for an average's sake, too.
void drop_averages_of_fp32(Entries& entries) {
  const RecipeGraph graph(entries);
  for (size_t i = 0; i < entries.size(); ++i) {
    if (graph.averages_int8(i) && !average_reads_int8(graph, i)) {
      set_flags(entries[i], false, false);
    }
  }
}

// A sum fuses behind the compute operator that makes one of its operands, in fp32; the other one is
// int8. Of two such operators the one executed last has both operands at hand. Where the sum itself
// goes on in fp32 (to a layer norm, or out of the model), oneDNN adds an fp32 operand just as well:
// to quantize it would cost precision and a conversion. Later sums are decided first: a sum that
// only another one reads, as in a transformer's residual stream, goes on in int8 if that one does.
void fuse_sums(Entries& entries) {
  const RecipeGraph graph(entries);  // looks at the flags as they are at each moment
  for (size_t i = entries.size(); i-- > 0;) {
    if (!graph.is(i, OpClass::Add) || !graph.has_int8_form(i)) continue;
    const auto left = fusable_compute(graph, i, 0);
    const auto right = fusable_compute(graph, i, 1);
    const size_t fused = left > right ? 0 : 1;  // an empty optional is less than any value
    const bool fuses = left.has_value() || right.has_value();
    set_flags(entries[i], fuses && is_read_in_int8(graph, {i, 0, true}), false);
    entries[i].inputs_quantized[fused] = false;
  }
}

// Pools, averages, concatenations and flattens stay quantized as long as that saves a conversion.
// One that does not may take away the reason of another: repeated until nothing changes.
bool pool_has_int8_neighbour(const RecipeGraph& graph, size_t index) {
  return comes_from_int8(graph, index, 0) || reaches_int8(graph, {index, 0, true});
}

bool cat_is_among_int8(const RecipeGraph& graph, size_t index) {
  for (size_t k = 0; k < graph.entry(index).inputs_flow.size(); ++k) {
    if (!comes_from_int8(graph, index, k)) return false;
  }
  const Activation output{index, 0, true};
  const auto& readers = graph.readers(output);
  return reaches_int8(graph, output) &&
         std::all_of(readers.begin(), readers.end(),
                     [&](const Activation& reader) { return goes_on_in_int8(graph, reader); });
}

bool flatten_is_behind_int8(const RecipeGraph& graph, size_t index) {
  const auto source = graph.source(index, 0);
  return source.has_value() && graph.hands_through_int8(source->entry);
}

void keep_int8_where_it_passes(Entries& entries) {
  struct Reason {
    OpClass op_class;
    bool (*holds)(const RecipeGraph& graph, size_t index);
  };
  constexpr std::array<Reason, 4> kReasons = {{{OpClass::Pool, pool_has_int8_neighbour},
                                               {OpClass::Average, average_reads_int8},
                                               {OpClass::Concat, cat_is_among_int8},
                                               {OpClass::Shape, flatten_is_behind_int8}}};
  const RecipeGraph graph(entries);  // looks at the flags as they are at each moment
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t i = 0; i < entries.size(); ++i) {
      if (!graph.averages_int8(i) && !graph.hands_through_int8(i)) continue;
      for (const auto& [op_class, holds] : kReasons) {
        if (!graph.is(i, op_class) || holds(graph, i)) continue;
        set_flags(entries[i], false, false);
        changed = true;
      }
    }
  }
}

struct Rule {
  std::string_view name;
  void (*apply)(Entries& entries);
};

constexpr std::array<Rule, 5> kDefaultRecipe = {{
    {"everything with an int8 form", quantize_everything},
    {"compute and sums: int8 in, fp32 out", drop_outputs_of_compute},
    {"averages read what is made in int8", drop_averages_of_fp32},
    {"a sum fuses behind compute", fuse_sums},
    {"int8 passes through between int8 neighbours", keep_int8_where_it_passes},
}};

// --- Groups -----------------------------------------------------------------------------------

// Disjoint sets of activations.
class Groups {
 public:
  void unite(const std::vector<Activation>& activations) {
    for (const Activation& activation : activations) {
      parents_[root(index_of(activation))] = root(index_of(activations[0]));
    }
  }

  std::vector<std::vector<Activation>> take() {
    std::map<size_t, std::vector<Activation>> by_root;
    for (const auto& [key, index] : indices_) {
      const auto& [entry, is_output, position] = key;
      by_root[root(index)].push_back({entry, position, is_output});
    }
    std::vector<std::vector<Activation>> groups;
    for (auto& [unused, group] : by_root) groups.push_back(std::move(group));
    std::sort(groups.begin(), groups.end(), [](const auto& a, const auto& b) {
      return std::tie(a[0].entry, a[0].is_output) < std::tie(b[0].entry, b[0].is_output);
    });
    return groups;
  }

 private:
  using Key = std::tuple<size_t, bool, size_t>;  // entry, is_output, position

  size_t index_of(const Activation& activation) {
    const Key key(activation.entry, activation.is_output, activation.position);
    const auto [found, is_new] = indices_.emplace(key, parents_.size());
    if (is_new) parents_.push_back(found->second);
    return found->second;
  }

  size_t root(size_t index) {
    while (parents_[index] != index) index = parents_[index] = parents_[parents_[index]];
    return index;
  }

  std::map<Key, size_t> indices_;
  std::vector<size_t> parents_;
};

std::vector<Activation> sides_of(const RecipeGraph& graph, size_t index) {
  std::vector<Activation> sides;
  for (size_t k = 0; k < graph.entry(index).inputs_flow.size(); ++k) {
    sides.push_back({index, k, false});
  }
  for (size_t k = 0; k < graph.entry(index).outputs_flow.size(); ++k) {
    sides.push_back({index, k, true});
  }
  return sides;
}

// The quantizers through which one output passes: its own and its readers'.
std::vector<Activation> quantizers_of(const RecipeGraph& graph, const Activation& output) {
  std::vector<Activation> quantizers;
  if (graph.is_quantized(output)) quantizers.push_back(output);
  for (const Activation& reader : graph.readers(output)) {
    if (graph.is_quantized(reader)) quantizers.push_back(reader);
  }
  return quantizers;
}

// The convolutions and averages that read one output, be it different parts of it; none where it is
// one alone.
std::vector<Activation> layers_reading(const RecipeGraph& graph, const Activation& output) {
  std::vector<Activation> layers;
  for (const Activation& reader : graph.readers(output)) {
    const bool is_one =
        graph.is(reader.entry, OpClass::Conv) || graph.is(reader.entry, OpClass::Average);
    if (is_one && graph.is_quantized(reader)) layers.push_back(reader);
  }
  return layers.size() > 1 ? layers : std::vector<Activation>();
}

}  // namespace

void quantize_everything(std::vector<OperatorEntry>& entries) {
  const RecipeGraph graph(entries);
  for (size_t i = 0; i < entries.size(); ++i) {
    set_flags(entries[i], graph.has_int8_form(i), graph.has_int8_form(i));
  }
}

void apply_default_recipe(std::vector<OperatorEntry>& entries) {
  for (const Rule& rule : kDefaultRecipe) rule.apply(entries);
}

std::vector<std::vector<Activation>> groups_of_equal_parameters(
    const std::vector<OperatorEntry>& entries) {
  const RecipeGraph graph(entries);
  Groups groups;
  for (size_t i = 0; i < graph.size(); ++i) {
    if (graph.hands_through_int8(i)) groups.unite(sides_of(graph, i));
    for (size_t k = 0; k < graph.entry(i).outputs_flow.size(); ++k) {
      groups.unite(layers_reading(graph, {i, k, true}));
      const auto quantizers = quantizers_of(graph, {i, k, true});
      const bool is_handed_through = std::any_of(
          quantizers.begin(), quantizers.end(),
          [&](const Activation& activation) { return graph.hands_through_int8(activation.entry); });
      if (is_handed_through) groups.unite(quantizers);
    }
  }
  return groups.take();
}

}  // namespace int8graph
