#include "executor/conv_plan.h"

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>
#include <stdexcept>

#include "executor/compute_chain.h"
#include "executor/steps.h"

namespace int8graph {

namespace jit = torch::jit;
using Integers = std::vector<int64_t>;

namespace {

/// Bytes of a pixel, one per channel; copying fewer at a time is slow.
constexpr int64_t kFewestBytesToCopy = 64;

}  // namespace

bool are_all(int64_t number, c10::IntArrayRef list) {
  return std::ranges::all_of(list, [&](int64_t each) { return each == number; });
}

std::optional<size_t> ConvPlan::summand() const {
  const auto sum =
      std::ranges::find_if(post_ops, [](const PostOp& op) { return op.int8.has_value(); });
  return sum == post_ops.end() ? std::nullopt : std::optional(sum->int8->argument);
}

std::optional<int64_t> ConvPlan::result_size(size_t dimension, int64_t source) const {
  const int64_t width = layer.weight.size(static_cast<int64_t>(dimension) + 2);
  const int64_t kernel = (width - 1) * dilations[dimension] + 1;
  const int64_t pads = pads_begin[dimension] + pads_end[dimension];
  if (is_transposed()) {
    const int64_t size =
        (source - 1) * strides[dimension] + kernel + (*output_padding)[dimension] - pads;
    return size > 0 ? std::optional(size) : std::nullopt;
  }
  const int64_t room = source + pads - kernel;
  return room >= 0 ? std::optional(room / strides[dimension] + 1) : std::nullopt;
}

std::optional<std::vector<int64_t>> ConvPlan::result_sizes(c10::IntArrayRef source) const {
  const size_t spatial = spatial_dimensions();
  if (source.size() != spatial + 2 || source[1] != input_channels()) return {};
  std::vector<int64_t> sizes = {source[0], output_channels()};
  for (size_t d = 0; d < spatial; ++d) {
    const auto size = result_size(d, at::divup(source[d + 2], subsampling[d]));
    if (!size) return {};
    sizes.push_back(*size);
  }
  return sizes;
}

OutputSpec result_spec(const ConvPlan& plan, c10::IntArrayRef source) {
  auto sizes = plan.result_sizes(source);
  if (!sizes) throw std::invalid_argument("the convolution does not fit its source");
  std::vector<int64_t> strides = channels_last_strides(*sizes);
  return {std::move(*sizes), std::move(strides), result_dtype(plan.quantizer), plan.quantizer};
}

std::optional<ConvPlan> conv_plan(jit::Graph& subgraph) {
  auto chain = compute_chain(subgraph);
  if (!chain || chain->compute.kind == OpKind::MatMul) return {};
  const LoweredOp& convolution = chain->compute;
  const bool is_transposed = convolution.kind == OpKind::ConvTranspose;
  auto source = quantized_input(subgraph, *convolution.inputs[0]);
  auto layer = weight_and_bias_of(convolution, is_transposed ? 1 : 0);
  auto post_ops = post_ops_on_integers(*chain);
  if (!source || !layer || !post_ops || has_misread_operands(*chain)) return {};
  const auto groups = attr_of<int64_t>(convolution, Attr::groups);
  const bool has_scales_of_one_group = is_transposed && layer->scales.numel() > 1;
  if (has_scales_of_one_group) layer->scales = layer->scales.repeat({groups});
  auto pads_begin = attr_of<Integers>(convolution, Attr::pads_begin);
  auto pads_end = attr_of<Integers>(convolution, Attr::pads_end);
  const bool is_unpadded = are_all(0, pads_begin) && are_all(0, pads_end);
  if (!is_transposed && is_unpadded) {
    fold_zero_point(source->parameters, *layer, /*channel_axis=*/0);
  }
  auto strides = attr_of<Integers>(convolution, Attr::strides);
  Integers subsampling(strides.size(), 1);
  const bool is_of_one_element = are_all(1, layer->weight.sizes().slice(2));
  const bool is_worth_a_copy = layer->weight.size(1) * groups >= kFewestBytesToCopy;
  if (!is_transposed && is_unpadded && is_of_one_element && is_worth_a_copy) {
    std::swap(strides, subsampling);
  }
  ConvPlan plan{{*source, std::move(*layer), *std::move(post_ops), std::move(chain->quantizer)},
                std::move(strides),
                attr_of<Integers>(convolution, Attr::dilations),
                std::move(pads_begin),
                std::move(pads_end),
                std::move(subsampling),
                is_transposed ? std::optional(attr_of<Integers>(convolution, Attr::output_padding))
                              : std::nullopt,
                groups};
  plan.in_steps = compute_in_steps(plan.quantizer, plan.output_channels(), plan.source.parameters,
                                   plan.layer, plan.post_ops);
  return plan;
}

}  // namespace int8graph
