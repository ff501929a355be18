#include "executor/conv_primitive.h"

#include <c10/util/SmallVector.h>

#include <algorithm>

#include "executor/onednn_runtime.h"
#include "executor/primitive_attributes.h"
#include "executor/relayout.h"
#include "executor/tensor_bridge.h"

namespace int8graph {

using dnnl::memory;

namespace {

// The weight's scales: one for each output channel, which with groups are two dimensions.
constexpr int kPerChannel = 1 << 0;
constexpr int kPerChannelOfGroups = (1 << 0) | (1 << 1);

memory::desc channels_last(c10::IntArrayRef sizes, memory::data_type dtype) {
  return {sizes.vec(), dtype, channels_last_strides(sizes)};
}

/// The weight as it lies: groups, where there are any, outputs, inputs, and the spatial dimensions.
/// PyTorch has the channels of all groups in the first dimension.
memory::desc plain_weight(const ConvPlan& plan) {
  const at::Tensor& weight = plan.layer.weight;
  memory::dims sizes = weight.sizes().vec();
  memory::dims strides = weight.strides().vec();
  sizes[0] /= plan.groups;
  const int64_t group_stride = sizes[0] * strides[0];
  if (plan.is_transposed()) {
    std::swap(sizes[0], sizes[1]);
    std::swap(strides[0], strides[1]);
  }
  if (plan.groups > 1) {
    sizes.insert(sizes.begin(), plan.groups);
    strides.insert(strides.begin(), group_stride);
  }
  return {sizes, memory::data_type::s8, strides};
}

memory::desc bias_of(const ConvPlan& plan) {
  return {{plan.output_channels()}, memory::data_type::f32, memory::format_tag::a};
}

memory::desc channels_of_post_ops(const ConvPlan& plan) {
  return channels_of_rank(plan.output_channels(), plan.spatial_dimensions() + 2);
}

int weight_scales_mask(const ConvPlan& plan) {
  if (plan.layer.scales.numel() == 1) return 0;
  return plan.groups == 1 ? kPerChannel : kPerChannelOfGroups;
}

std::vector<memory::desc> descs_of(std::span<const OutputSpec> operands) {
  std::vector<memory::desc> result;
  for (const OutputSpec& operand : operands) result.push_back(desc_of(operand));
  return result;
}

/// oneDNN infers a transposed convolution's size from its padding: output_padding is padding less
/// at the end, which may become negative.
memory::dims pads_end(const ConvPlan& plan) {
  memory::dims pads = plan.pads_end;
  if (!plan.is_transposed()) return pads;
  for (size_t d = 0; d < pads.size(); ++d) pads[d] -= (*plan.output_padding)[d];
  return pads;
}

template <typename Convolution>
dnnl::primitive_desc describe_as(dnnl::algorithm algorithm, const ConvPlan& plan,
                                 const ConvShapes& shapes) {
  const auto operands = descs_of(shapes.operands);
  const auto attr = primitive_attributes({.source = plan.source.parameters,
                                          .weight_scales_mask = weight_scales_mask(plan),
                                          .quantizer = plan.quantizer,
                                          .in_steps = plan.in_steps,
                                          .post_ops = plan.post_ops,
                                          .operands = operands,
                                          .channels = channels_of_post_ops(plan)});
  const auto dtype = static_cast<c10::ScalarType>(plan.source.parameters.dtype);
  const memory::desc source = channels_last(shapes.source, onednn_dtype(dtype));
  const memory::desc result =
      channels_last(shapes.result, onednn_dtype(result_dtype(plan.quantizer)));
  const memory::desc weight(plain_weight(plan).get_dims(), memory::data_type::s8,
                            memory::format_tag::any);
  const memory::desc bias = plan.layer.bias.defined() ? bias_of(plan) : memory::desc();
  return typename Convolution::primitive_desc(
      onednn_engine(), dnnl::prop_kind::forward_inference, algorithm, source, weight, bias, result,
      plan.strides, onednn_dilations(plan.dilations), plan.pads_begin, pads_end(plan), attr);
}

dnnl::primitive_desc describe(const ConvPlan& plan, const ConvShapes& shapes) {
  using dnnl::algorithm;
  return plan.is_transposed()
             ? describe_as<dnnl::deconvolution_forward>(algorithm::deconvolution_direct, plan,
                                                        shapes)
             : describe_as<dnnl::convolution_forward>(algorithm::convolution_direct, plan, shapes);
}

}  // namespace

ConvConstants::ConvConstants(const ConvPlan& plan, Weights weights)
    : layer_(plan.layer),
      post_ops_(plan.post_ops),
      plain_weight_(plain_weight(plan)),
      ownership_(weights) {
  arguments_.add_layer(layer_, bias_of(plan));
  arguments_.add_post_ops(post_ops_, channels_of_post_ops(plan));
  arguments_.add_source(plan.source.parameters);
  if (!plan.in_steps) arguments_.add_quantizer(plan.quantizer);
}

PrimitiveConstants ConvConstants::with_weight(const memory::desc& layout) const {
  const std::lock_guard lock(mutex_);
  auto known = std::ranges::find(
      packed_, layout, [](const PackedWeight& weight) { return weight.packed().get_desc(); });
  if (known == packed_.end()) {
    // A second layout keeps the tensor: sizes that want a third one may follow.
    if (!packed_.empty()) keep_weight();
    packed_.emplace_back(layer_.weight, plain_weight_, layout);
    known = std::prev(packed_.end());
  }
  PrimitiveConstants result = arguments_;
  result.add(DNNL_ARG_WEIGHTS, known->packed());
  if (ownership_ == Weights::Owned) known->give_back();
  return result;
}

void ConvConstants::restore_weight() const {
  const std::lock_guard lock(mutex_);
  keep_weight();
}

void ConvConstants::keep_weight() const {
  ownership_ = Weights::Shared;
  if (!packed_.empty()) packed_.front().restore();
}

ConvPrimitive::ConvPrimitive(const ConvPlan& plan, const ConvConstants& constants,
                             const ConvShapes& shapes)
    : ConvPrimitive(plan, constants, describe(plan, shapes)) {}

ConvPrimitive::ConvPrimitive(const ConvPlan& plan, const ConvConstants& constants,
                             const dnnl::primitive_desc& description)
    : weight_layout_(description.query_md(dnnl::query::weights_md)),
      runner_(description, constants.with_weight(weight_layout_),
              with_operands({DNNL_ARG_SRC, DNNL_ARG_DST}, plan.post_ops)) {}

void ConvPrimitive::run(const void* source, void* result,
                        std::span<const at::Tensor> operands) const {
  c10::SmallVector<const void*, 4> data = {source, result};
  for (const at::Tensor& operand : operands) data.push_back(operand.const_data_ptr());
  runner_.run({data.data(), data.size()});
}

}  // namespace int8graph
