#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>
#include <numeric>

#include "ops/node_arguments.h"
#include "passes/packed_forms.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

using Integers = std::vector<int64_t>;
using Values = std::vector<jit::Value*>;

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
std::optional<size_t> first_of_channels(const Values& sizes, const PackedLayer& layer) {
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

}  // namespace

std::optional<PackedViews> parts_in_dimension(const PackedLayer& layer,
                                              const WrittenValues& written) {
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

}  // namespace int8graph
