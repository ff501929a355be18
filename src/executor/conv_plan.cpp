#include "executor/conv_plan.h"

#include <ATen/core/Tensor.h>
#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>

namespace int8graph {

namespace jit = torch::jit;
using Integers = std::vector<int64_t>;

std::optional<size_t> ConvPlan::summand() const {
  const auto sum =
      std::ranges::find_if(post_ops, [](const PostOp& op) { return op.int8.has_value(); });
  return sum == post_ops.end() ? std::nullopt : std::optional(sum->int8->argument);
}

std::optional<std::vector<int64_t>> ConvPlan::result_sizes(c10::IntArrayRef source) const {
  const size_t spatial = spatial_dimensions();
  if (source.size() != spatial + 2 || source[1] != input_channels()) return {};
  std::vector<int64_t> sizes = {source[0], layer.weight.size(0)};
  for (size_t d = 0; d < spatial; ++d) {
    const int64_t kernel = (layer.weight.size(static_cast<int64_t>(d) + 2) - 1) * dilations[d] + 1;
    const int64_t padded = source[d + 2] + pads_begin[d] + pads_end[d];
    if (padded < kernel) return {};
    sizes.push_back((padded - kernel) / strides[d] + 1);
  }
  return sizes;
}

std::optional<ConvPlan> conv_plan(jit::Graph& subgraph) {
  auto chain = compute_chain(subgraph);
  if (!chain || chain->compute.kind != OpKind::Convolution) return {};
  const LoweredOp& convolution = chain->compute;
  const auto source = quantized_input(subgraph, *convolution.inputs[0]);
  auto layer = weight_and_bias_of(convolution, 0);
  const auto summand = chain->quantizer ? Summand::LiesInResult : Summand::IsRead;
  auto post_ops = on_integers(chain->post_ops, summand);
  if (!source || !layer || !post_ops) return {};
  return ConvPlan{*source,
                  std::move(*layer),
                  attr_of<Integers>(convolution, Attr::strides),
                  attr_of<Integers>(convolution, Attr::dilations),
                  attr_of<Integers>(convolution, Attr::pads_begin),
                  attr_of<Integers>(convolution, Attr::pads_end),
                  attr_of<int64_t>(convolution, Attr::groups),
                  *std::move(post_ops),
                  std::move(chain->quantizer)};
}

}  // namespace int8graph
