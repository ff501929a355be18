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

/// The linear layer that makes the parts.
struct Layer {
  jit::Value* packed;       ///< the result
  int64_t outputs, inputs;  ///< channels
  Values sources;           ///< what it reads, also before that was quantized
};

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

/// A position among so many, counted from the front.
std::optional<int64_t> position(std::optional<int64_t> number, size_t count) {
  const auto size = static_cast<int64_t>(count);
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

std::optional<PackedViews> taken_as_list(const Layer& layer, const WrittenValues& written) {
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

// --- A dimension of parts ---

/// The parts that the readers of a tensor take along a dimension, in whatever order.
/// @param rank of the tensor; 0 if that is unknown, so that no dimension is counted from its end
std::vector<PackedPart> parts_along(jit::Value& value, int64_t axis, size_t rank, int64_t parts,
                                    int64_t count) {
  const auto is_axis = [&](const jit::Value* dimension) {
    const auto number = constant_integer(dimension);
    return number == axis || position(number, rank) == axis;
  };
  std::vector<PackedPart> result;
  for (const jit::Use& use : value.uses()) {
    jit::Node& reader = *use.user;
    if (reader.kind() == c10::aten::unbind && is_axis(reader.input(1))) {
      const Values made = tensors_made_by(reader);
      if (made.size() != static_cast<size_t>(parts)) return {};
      for (int64_t i = 0; i < parts; ++i) {
        result.push_back({count * i, count, made[static_cast<size_t>(i)]});
      }
      continue;
    }
    const bool is_select = reader.kind() == c10::aten::select && is_axis(reader.input(1));
    const auto part = is_select
                          ? position(constant_integer(reader.input(2)), static_cast<size_t>(parts))
                          : std::nullopt;
    if (!part) return {};
    result.push_back({count * *part, count, reader.output()});
  }
  return result;
}

/// Whether a size is that of a dimension of one of these tensors, as the model reads it.
bool is_size_of(const jit::Value& size, size_t dimension, const Values& tensors) {
  const jit::Node& node = *size.node();
  return node.kind() == c10::aten::size && node.inputs().size() == 2 &&
         constant_integer(node.input(1)) == static_cast<int64_t>(dimension) &&
         std::ranges::find(tensors, node.input(0)) != tensors.end();
}

std::optional<int64_t> constant_number(const jit::Value& value) {
  if (const auto number = constant_integer(&value)) return number;
  const auto tensor = constant_tensor(&value);
  const bool is_number = tensor && tensor->numel() == 1 && tensor->scalar_type() == c10::kLong;
  return is_number ? std::optional(tensor->item<int64_t>()) : std::nullopt;
}

/// A size that is computed of a dimension of one of these tensors, as traces write %channels //
/// heads: its value if that dimension has so many elements. Nothing for other sizes.
std::optional<int64_t> size_given(const jit::Value& size, size_t dimension, const Values& tensors,
                                  int64_t elements) {
  const jit::Node& node = *size.node();
  switch (node.kind()) {
    case c10::aten::Int:
    case c10::prim::NumToTensor:
      return size_given(*node.input(0), dimension, tensors, elements);
    case c10::aten::floor_divide:
    case c10::aten::floordiv: {
      const auto whole = size_given(*node.input(0), dimension, tensors, elements);
      const auto parts = constant_number(*node.input(1));
      return whole && parts && *parts > 0 ? std::optional(*whole / *parts) : std::nullopt;
    }
    default:
      return is_size_of(size, dimension, tensors) ? std::optional(elements) : std::nullopt;
  }
}

/// Which of the sizes is the first that the channels are divided into, if that is sure: those from
/// it on make up all channels,
///
///     [%batch, %length, 3, 6, 64]
///
/// or those in front are the sizes of %x's first dimensions, the last is computed of the next one,
/// and with K for that one they would make up all channels.
///
///     [aten::size(%x, 0), aten::size(%x, 1), 3, 6, aten::size(%x, 2) // 6]       for [.., .., K]
///
/// Then the next one is the last of %x. Otherwise it has D elements, with R in dimensions behind it
/// (but for K), and D // 6 = D * R * (K // 6), or the reshape would fail: not for any K > 1.
std::optional<size_t> first_of_channels(const Values& sizes, const Layer& layer) {
  int64_t product = 1;
  for (size_t i = sizes.size(); i-- > 0;) {
    const auto size = constant_integer(sizes[i]);
    if (!size || *size < 1) break;
    product *= *size;
    if (product == layer.outputs) return i;
  }
  size_t leading = 0;
  while (leading < sizes.size() && is_size_of(*sizes[leading], leading, layer.sources)) ++leading;
  if (leading == 0 || leading + 1 >= sizes.size() || layer.inputs < 2) return {};
  product = size_given(*sizes.back(), leading, layer.sources, layer.inputs).value_or(0);
  for (size_t i = leading; i + 1 < sizes.size(); ++i) {
    product *= constant_integer(sizes[i]).value_or(0);
  }
  return product == layer.outputs ? std::optional(leading) : std::nullopt;
}

/// Without one of the dimensions that they order.
Integers without(Integers order, int64_t dimension) {
  std::erase(order, dimension);
  for (int64_t& other : order) other -= other > dimension ? 1 : 0;
  return order;
}

std::optional<PackedViews> taken_by_dimension(const Layer& layer, const WrittenValues& written) {
  const int64_t channels = layer.outputs;
  jit::Node* reshape = only_reader(*layer.packed, written);
  if (!is_reshape(reshape)) return {};
  const Values sizes = elements_of(*reshape->input(1)).value_or(Values());
  const auto axis = first_of_channels(sizes, layer);
  const auto parts = axis ? constant_integer(sizes[*axis]) : std::nullopt;
  if (!parts || *parts < 2 || channels % *parts != 0) return {};

  jit::Value* value = reshape->output();
  Integers order(sizes.size());
  std::iota(order.begin(), order.end(), 0);
  jit::Node* permute = only_reader(*value, written);
  if (permute != nullptr && permute->kind() == c10::aten::permute) {
    auto dims = constant_integers(*permute->input(1)).value_or(Integers());
    for (int64_t& dim : dims) dim = position(dim, sizes.size()).value_or(-1);
    if (!std::ranges::is_permutation(dims, order)) return {};
    order = std::move(dims);
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

std::optional<PackedViews> taken_by_multihead_attention(const Layer& layer,
                                                        const WrittenValues& written) {
  const int64_t channels = layer.outputs;
  jit::Node* unflatten = only_reader(*layer.packed, written);
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
  return PackedViews{parts_along(*value, 0, 0, *parts, channels / *parts),
                     [](jit::Value* part, int64_t /*count*/) { return part; }};
}

std::optional<Layer> layer_of(jit::Node& linear) {
  const auto weight = constant_tensor(linear.input(1));
  if (!weight || weight->dim() != 2) return {};
  Layer layer{linear.output(), weight->size(0), weight->size(1), {linear.input(0)}};
  while (is_quantizer(*layer.sources.back()->node())) {
    layer.sources.push_back(layer.sources.back()->node()->input(0));
  }
  return layer;
}

// Calls of layers with fewer channels cost more than the views and quantizers that they save: 16
// parts of one channel take three times as long as the whole layer.
constexpr int64_t kLeastChannels = 16;

}  // namespace

std::optional<PackedViews> packed_views(jit::Node& linear, const WrittenValues& written) {
  const auto layer = layer_of(linear);
  if (!layer) return {};
  auto views = taken_as_list(*layer, written);
  if (!views) views = taken_by_dimension(*layer, written);
  if (!views) views = taken_by_multihead_attention(*layer, written);
  if (!views || views->parts.empty()) return {};
  int64_t taken = 0;
  const bool is_fit = std::ranges::all_of(views->parts, [&](const PackedPart& part) {
    taken += part.count;  // more than there are, if one is taken twice
    return part.count >= kLeastChannels && taken <= layer->outputs && !written.contains(part.value);
  });
  return is_fit ? std::move(views) : std::nullopt;
}

}  // namespace int8graph
