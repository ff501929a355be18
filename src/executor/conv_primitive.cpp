#include "executor/conv_primitive.h"

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

/// The weight's sizes, with groups as a dimension of their own where there are any.
memory::dims weight_sizes(const at::Tensor& weight, int64_t groups) {
  memory::dims sizes = weight.sizes().vec();
  if (groups == 1) return sizes;
  sizes[0] /= groups;
  sizes.insert(sizes.begin(), groups);
  return sizes;
}

/// The weight as it lies.
memory::desc plain_weight(const at::Tensor& weight, int64_t groups) {
  memory::dims strides = weight.strides().vec();
  if (groups > 1) strides.insert(strides.begin(), strides[0] * (weight.size(0) / groups));
  return {weight_sizes(weight, groups), memory::data_type::s8, strides};
}

memory::desc bias_of(const at::Tensor& weight) {
  return {{weight.size(0)}, memory::data_type::f32, memory::format_tag::a};
}

memory::desc channels_of_post_ops(const ConvPlan& plan) {
  return channels_of_rank(plan.layer.weight.size(0), plan.spatial_dimensions() + 2);
}

int weight_scales_mask(const ConvPlan& plan) {
  if (plan.layer.scales.numel() == 1) return 0;
  return plan.groups == 1 ? kPerChannel : kPerChannelOfGroups;
}

/// oneDNN counts what lies between neighbours.
memory::dims onednn_dilations(const ConvPlan& plan) {
  memory::dims dilations = plan.dilations;
  for (int64_t& dilation : dilations) --dilation;
  return dilations;
}

std::vector<memory::desc> descs_of(std::span<const OutputSpec> operands) {
  std::vector<memory::desc> result;
  for (const OutputSpec& operand : operands) result.push_back(desc_of(operand));
  return result;
}

dnnl::convolution_forward::primitive_desc describe(const ConvPlan& plan, const ConvShapes& shapes) {
  const auto operands = descs_of(shapes.operands);
  const auto attr = primitive_attributes({.source = plan.source.parameters,
                                          .weight_scales_mask = weight_scales_mask(plan),
                                          .quantizer = plan.quantizer,
                                          .post_ops = plan.post_ops,
                                          .operands = operands,
                                          .channels = channels_of_post_ops(plan)});
  const auto dtype = static_cast<c10::ScalarType>(plan.source.parameters.dtype);
  const memory::desc source = channels_last(shapes.source, onednn_dtype(dtype));
  const memory::desc result =
      channels_last(shapes.result, onednn_dtype(result_dtype(plan.quantizer)));
  const memory::desc weight(weight_sizes(plan.layer.weight, plan.groups), memory::data_type::s8,
                            memory::format_tag::any);
  const memory::desc bias = plan.layer.bias.defined() ? bias_of(plan.layer.weight) : memory::desc();
  return {onednn_engine(),
          dnnl::prop_kind::forward_inference,
          dnnl::algorithm::convolution_direct,
          source,
          weight,
          bias,
          result,
          plan.strides,
          onednn_dilations(plan),
          plan.pads_begin,
          plan.pads_end,
          attr};
}

}  // namespace

ConvConstants::ConvConstants(const ConvPlan& plan, Weights weights)
    : layer_(plan.layer), post_ops_(plan.post_ops), groups_(plan.groups), ownership_(weights) {
  arguments_.add_layer(layer_, bias_of(layer_.weight));
  arguments_.add_post_ops(post_ops_, channels_of_post_ops(plan));
  arguments_.add_source(plan.source.parameters);
  arguments_.add_quantizer(plan.quantizer);
}

PrimitiveConstants ConvConstants::with_weight(const memory::desc& layout) const {
  const std::lock_guard lock(mutex_);
  auto known = std::ranges::find(
      packed_, layout, [](const PackedWeight& weight) { return weight.packed().get_desc(); });
  if (known == packed_.end()) {
    // A second layout keeps the tensor: sizes that want a third one may follow.
    if (!packed_.empty()) keep_weight();
    packed_.emplace_back(layer_.weight, plain_weight(layer_.weight, groups_), layout);
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
    : description_(describe(plan, shapes)),
      primitive_(description_),
      source_(description_.src_desc()),
      result_(description_.dst_desc()),
      scratchpad_(description_.scratchpad_desc()),
      operands_(descs_of(shapes.operands)),
      operand_places_(operand_places(plan.post_ops)),
      constants_(constants.with_weight(weight_layout())) {}

void ConvPrimitive::run(const void* source, void* result,
                        std::span<const at::Tensor> operands) const {
  PrimitiveCall call(constants_);
  call.add(DNNL_ARG_SRC, source_, source);
  call.add(DNNL_ARG_DST, result_, result);
  for (size_t i = 0; i < operands_.size(); ++i) {
    call.add(operand_places_[i], operands_[i], operands[i].const_data_ptr());
  }
  call.run(primitive_, scratchpad_);
}

std::string ConvPrimitive::shape() const {
  return c10::str(at::IntArrayRef(source_.get_dims()));
}

}  // namespace int8graph
