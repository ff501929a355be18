#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>
#include <numeric>

#include "ops/node_arguments.h"
#include "passes/packed_forms.h"
#include "passes/parts.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

using Integers = std::vector<int64_t>;
using Values = std::vector<jit::Value*>;

/// How many channels each part has, if the node divides the dimension of `channels` by constants.
std::optional<Integers> counts_of(const jit::Node& divider, int64_t channels) {
  const auto equal = [&](int64_t count) {
    Integers counts;
    for (int64_t first = 0; count > 0 && first < channels; first += count) {
      counts.push_back(std::min(count, channels - first));
    }
    return counts;
  };
  const auto equal_parts = [&](int64_t parts) {
    return equal(parts > 0 ? (channels + parts - 1) / parts : 0);
  };
  switch (divider.kind()) {
    case c10::prim::ConstantChunk:
      return equal_parts(divider.i(c10::attr::chunks));
    case c10::aten::chunk:
      if (const auto parts = constant_integer(divider.input(1))) return equal_parts(*parts);
      return {};
    case c10::aten::split:
    case c10::aten::split_with_sizes:
      if (const auto count = constant_integer(divider.input(1))) return equal(*count);
      return constant_integers(*divider.input(1));
    default:
      return {};
  }
}

/// Whether the node divides the last dimension of a tensor; of a known rank, or 0.
bool divides_last(const jit::Node& divider, size_t rank) {
  if (divider.kind() == c10::prim::ConstantChunk) {
    const int64_t dim = divider.i(c10::attr::dim);
    return dim == -1 || (rank > 0 && dim == static_cast<int64_t>(rank) - 1);
  }
  const auto dim = constant_integer(divider.input(2));
  return dim == -1 || (rank > 0 && dim == static_cast<int64_t>(rank) - 1);
}

}  // namespace

std::optional<PackedViews> parts_in_list(const PackedLayer& layer, const WrittenValues& written) {
  const int64_t channels = layer.outputs;
  jit::Node* divider = only_reader(*layer.packed, written);
  Values sizes;
  if (is_reshape(divider)) {
    sizes = elements_of(*divider->input(1)).value_or(Values());
    if (sizes.empty() || constant_integer(sizes.back()) != channels) return {};
    divider = only_reader(*divider->output(), written);
  }
  const auto counts = divider != nullptr ? counts_of(*divider, channels) : std::nullopt;
  if (!counts || !divides_last(*divider, sizes.size())) return {};
  if (std::accumulate(counts->begin(), counts->end(), int64_t{0}) != channels) return {};
  const Values made = tensors_made_by(*divider);
  if (made.size() != counts->size()) return {};

  PackedViews views;
  int64_t first = 0;
  for (size_t i = 0; i < made.size(); first += (*counts)[i++]) {
    views.parts.push_back({first, (*counts)[i], made[i]});
  }
  views.rewrite = [sizes](jit::Value* part, int64_t count) {
    if (sizes.empty()) return part;
    jit::Graph& graph = *part->owningGraph();
    Values resized = sizes;
    resized.back() = graph.insertConstant(count);
    jit::Node* list = graph.insertNode(graph.createList(c10::IntType::get(), resized));
    return graph.insert(c10::aten::reshape, {part, list->output()});
  };
  return views;
}

}  // namespace int8graph
