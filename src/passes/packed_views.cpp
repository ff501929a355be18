#include "passes/packed_views.h"

#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>

#include "ops/node_arguments.h"
#include "passes/packed_forms.h"
#include "passes/quantizers.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

std::optional<PackedLayer> layer_of(jit::Node& linear) {
  const auto weight = constant_tensor(linear.input(1));
  if (!weight || weight->dim() != 2) return {};
  PackedLayer layer{linear.output(), weight->size(0), weight->size(1), {linear.input(0)}};
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
  auto views = parts_in_list(*layer, written);
  if (!views) views = parts_in_dimension(*layer, written);
  if (!views) views = parts_of_multihead_attention(*layer, written);
  if (!views || views->parts.empty()) return {};
  int64_t taken = 0;
  const bool is_fit = std::ranges::all_of(views->parts, [&](const PackedPart& part) {
    taken += part.count;  // more than there are, if one is taken twice
    return part.count >= kLeastChannels && taken <= layer->outputs && !written.contains(part.value);
  });
  return is_fit ? std::move(views) : std::nullopt;
}

}  // namespace int8graph
