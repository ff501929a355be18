#include "passes/packed_views.h"

#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>
#include <functional>
#include <numeric>

#include "ops/node_arguments.h"
#include "passes/parts.h"
#include "passes/quantizers.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

using Integers = std::vector<int64_t>;
using Values = std::vector<jit::Value*>;

/// The one reader of a value, which nobody writes to; null if there are others.
jit::Node* only_reader(const jit::Value& value, const WrittenValues& written) {
  return value.uses().size() == 1 && !written.contains(&value) ? value.uses()[0].user : nullptr;
}

bool is_reshape(const jit::Node* node) {
  return node != nullptr && (node->kind() == c10::aten::reshape || node->kind() == c10::aten::view);
}

/// The elements of a list that is built; nothing for a list of another origin.
std::optional<Values> elements_of(jit::Value& list) {
  jit::Node& node = *list.node();
  if (node.kind() != c10::prim::ListConstruct) return {};
  return node.inputs().vec();
}

std::optional<Integers> constant_integers(const jit::Value& list) {
  if (const auto constant = jit::toIValue(&list); constant && constant->isIntList()) {
    return constant->toIntVector();
  }
  return {};
}

/// A dimension, counted from the front.
std::optional<int64_t> dimension(const jit::Value* argument, size_t rank) {
  const auto number = constant_integer(argument);
  const auto size = static_cast<int64_t>(rank);
  if (!number || *number < -size || *number >= size) return {};
  return *number < 0 ? *number + size : *number;
}

// --- A list of parts ---

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

std::optional<PackedViews> taken_as_list(jit::Value& packed, int64_t channels,
                                         const WrittenValues& written) {
  jit::Node* divider = only_reader(packed, written);
  Values sizes;
  if (is_reshape(divider)) {
    sizes = elements_of(*divider->input(1)).value_or(Values());
    if (sizes.empty() || constant_integer(sizes.back()) != channels) return {};
    divider = only_reader(*divider->output(), written);
  }
  const auto counts = divider != nullptr ? counts_of(*divider, channels) : std::nullopt;
  if (!counts || !divides_last(*divider, sizes.size())) return {};
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

// --- A dimension of parts ---

/// The parts that the readers of a tensor take along a dimension, in whatever order.
std::vector<PackedPart> parts_along(jit::Value& value, int64_t axis, size_t rank, int64_t parts,
                                    int64_t count) {
  std::vector<PackedPart> result;
  for (const jit::Use& use : value.uses()) {
    jit::Node& reader = *use.user;
    if (reader.kind() == c10::aten::unbind && dimension(reader.input(1), rank) == axis) {
      const Values made = tensors_made_by(reader);
      if (made.size() != static_cast<size_t>(parts)) return {};
      for (int64_t i = 0; i < parts; ++i) {
        result.push_back({count * i, count, made[static_cast<size_t>(i)]});
      }
      continue;
    }
    const bool is_select =
        reader.kind() == c10::aten::select && dimension(reader.input(1), rank) == axis;
    const auto part =
        is_select ? dimension(reader.input(2), static_cast<size_t>(parts)) : std::nullopt;
    if (!part) return {};
    result.push_back({count * *part, count, reader.output()});
  }
  return result;
}

/// How many of the sizes, in front, are those of one of these tensors, as the model reads them.
size_t leading_sizes_of(const Values& sizes, const Values& tensors) {
  size_t i = 0;
  for (; i < sizes.size(); ++i) {
    const jit::Node& node = *sizes[i]->node();
    if (node.kind() != c10::aten::size || node.inputs().size() != 2 ||
        constant_integer(node.input(1)) != static_cast<int64_t>(i) ||
        std::ranges::find(tensors, node.input(0)) == tensors.end()) {
      break;
    }
  }
  return i;
}

/// Which of the sizes is the first that the channels are divided into: those from it on make up
/// all channels, or those before it are the sizes of what the layer reads.
std::optional<size_t> first_of_channels(const Values& sizes, int64_t channels,
                                        const Values& sources) {
  int64_t product = 1;
  for (size_t i = sizes.size(); i-- > 0;) {
    const auto size = constant_integer(sizes[i]);
    if (!size || *size < 1) break;
    product *= *size;
    if (product == channels) return i;
  }
  const size_t leading = leading_sizes_of(sizes, sources);
  if (leading == 0 || leading == sizes.size()) return {};
  return leading;
}

/// What the layer reads, also before it was quantized.
Values sources_of(jit::Node& linear) {
  Values sources = {linear.input(0)};
  while (is_quantizer(*sources.back()->node())) {
    sources.push_back(sources.back()->node()->input(0));
  }
  return sources;
}

/// Without one of the dimensions that they order.
Integers without(Integers order, int64_t dimension) {
  std::erase(order, dimension);
  for (int64_t& other : order) other -= other > dimension ? 1 : 0;
  return order;
}

std::optional<PackedViews> taken_by_dimension(jit::Node& linear, int64_t channels,
                                              const WrittenValues& written) {
  jit::Node* reshape = only_reader(*linear.output(), written);
  if (!is_reshape(reshape)) return {};
  const Values sizes = elements_of(*reshape->input(1)).value_or(Values());
  const auto axis = first_of_channels(sizes, channels, sources_of(linear));
  const auto parts = axis ? constant_integer(sizes[*axis]) : std::nullopt;
  if (!parts || *parts < 2 || channels % *parts != 0) return {};

  jit::Value* value = reshape->output();
  Integers order(sizes.size());
  std::iota(order.begin(), order.end(), 0);
  jit::Node* permute = only_reader(*value, written);
  if (permute != nullptr && permute->kind() == c10::aten::permute) {
    const auto dims = constant_integers(*permute->input(1));
    if (!dims || !std::ranges::is_permutation(*dims, order)) return {};
    order = *dims;
    value = permute->output();
  }
  if (written.contains(value)) return {};
  const auto place = std::ranges::find(order, static_cast<int64_t>(*axis)) - order.begin();
  PackedViews views;
  views.parts = parts_along(*value, place, sizes.size(), *parts, channels / *parts);
  views.rewrite = [sizes, axis = *axis, order](jit::Value* part, int64_t /*count*/) {
    jit::Graph& graph = *part->owningGraph();
    Values others = sizes;
    others.erase(others.begin() + static_cast<std::ptrdiff_t>(axis));
    jit::Node* list = graph.insertNode(graph.createList(c10::IntType::get(), others));
    jit::Value* result = graph.insert(c10::aten::reshape, {part, list->output()});
    const Integers turned = without(order, static_cast<int64_t>(axis));
    return std::ranges::is_sorted(turned) ? result
                                          : graph.insert(c10::aten::permute, {result, turned});
  };
  return views;
}

// --- nn.MultiheadAttention ---

/// An operator behind unflatten that brings the parts to the front.
struct Step {
  c10::Symbol kind;
  Integers arguments;
};

const std::vector<Step>& steps() {
  static const std::vector<Step> table = {{c10::aten::unsqueeze, {0}},
                                          {c10::aten::transpose, {0, -2}},
                                          {c10::aten::squeeze, {-2}},
                                          {c10::aten::contiguous, {0}}};
  return table;
}

bool has_arguments(const jit::Node& node, const Integers& arguments) {
  if (node.inputs().size() != arguments.size() + 1) return false;
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (constant_integer(node.input(i + 1)) != arguments[i]) return false;
  }
  return true;
}

/// Into how many parts aten::unflatten(y, -1, [parts, n]) divides the last dimension.
std::optional<int64_t> parts_of(jit::Node& unflatten) {
  const auto sizes = elements_of(*unflatten.input(2));
  if (!sizes || sizes->size() != 2 || constant_integer(unflatten.input(1)) != -1) return {};
  return constant_integer(sizes->front());
}

std::optional<PackedViews> taken_by_multihead_attention(jit::Value& packed, int64_t channels,
                                                        const WrittenValues& written) {
  jit::Node* unflatten = only_reader(packed, written);
  if (unflatten == nullptr || unflatten->kind() != c10::aten::unflatten) return {};
  const auto parts = parts_of(*unflatten);
  if (!parts || *parts < 1 || channels % *parts != 0) return {};
  jit::Value* value = unflatten->output();
  for (const auto& [kind, arguments] : steps()) {
    jit::Node* next = only_reader(*value, written);
    if (next == nullptr || next->kind() != kind || !has_arguments(*next, arguments)) return {};
    value = next->output();
  }
  if (written.contains(value)) return {};
  constexpr size_t kLeastRank = 3;  // the parts, what the model calls rows, and channels
  return PackedViews{parts_along(*value, 0, kLeastRank, *parts, channels / *parts),
                     [](jit::Value* part, int64_t /*count*/) { return part; }};
}

}  // namespace

std::optional<PackedViews> packed_views(jit::Node& linear, int64_t channels,
                                        const WrittenValues& written) {
  jit::Value& packed = *linear.output();
  auto views = taken_as_list(packed, channels, written);
  if (!views) views = taken_by_dimension(linear, channels, written);
  if (!views) views = taken_by_multihead_attention(packed, channels, written);
  if (!views || views->parts.empty()) return {};
  const bool is_written = std::ranges::any_of(
      views->parts, [&](const PackedPart& part) { return written.contains(part.value); });
  return is_written ? std::nullopt : std::move(views);
}

}  // namespace int8graph
