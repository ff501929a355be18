#include "executor/conv_plan.h"

#include <ATen/core/Tensor.h>
#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>

#include "ops/lowering.h"

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
  std::vector<int64_t> sizes = {source[0], output_channels()};
  for (size_t d = 0; d < spatial; ++d) {
    const int64_t kernel = (layer.weight.size(static_cast<int64_t>(d) + 2) - 1) * dilations[d] + 1;
    const int64_t pads = pads_begin[d] + pads_end[d];
    const int64_t room =
        output_padding ? (source[d + 2] - 1) * strides[d] + kernel + (*output_padding)[d] - pads
                       : source[d + 2] + pads - kernel;
    if (room < (output_padding ? 1 : 0)) return {};
    sizes.push_back(output_padding ? room : room / strides[d] + 1);
  }
  return sizes;
}

std::optional<ConvPlan> conv_plan(jit::Graph& subgraph) {
  auto chain = compute_chain(subgraph);
  if (!chain || chain->compute.kind == OpKind::MatMul) return {};
  const LoweredOp& convolution = chain->compute;
  const bool is_transposed = convolution.kind == OpKind::ConvTranspose;
  const auto source = quantized_input(subgraph, *convolution.inputs[0]);
  auto layer = weight_and_bias_of(convolution, is_transposed ? 1 : 0);
  auto post_ops = post_ops_on_integers(*chain);
  if (!source || !layer || !post_ops) return {};
  if (misreads_operands(convolution) &&
      std::ranges::any_of(*post_ops, &PostOp::reads_another_tensor)) {
    return {};
  }
  const auto groups = attr_of<int64_t>(convolution, Attr::groups);
  const bool has_scales_of_one_group = is_transposed && layer->scales.numel() > 1;
  if (has_scales_of_one_group) layer->scales = layer->scales.repeat({groups});
  return ConvPlan{*source,
                  std::move(*layer),
                  attr_of<Integers>(convolution, Attr::strides),
                  attr_of<Integers>(convolution, Attr::dilations),
                  attr_of<Integers>(convolution, Attr::pads_begin),
                  attr_of<Integers>(convolution, Attr::pads_end),
                  is_transposed
                      ? std::optional(attr_of<Integers>(convolution, Attr::output_padding))
                      : std::nullopt,
                  groups,
                  *std::move(post_ops),
                  std::move(chain->quantizer)};
}

}  // namespace int8graph
