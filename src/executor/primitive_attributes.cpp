#include "executor/primitive_attributes.h"

#include "executor/primitive_constants.h"
#include "executor/tensor_bridge.h"

namespace int8graph {

using dnnl::memory;

namespace {

constexpr int kPerTensor = 0;
constexpr int kAlongChannels = 1 << 1;  // of a result

dnnl::post_ops onednn_post_ops(const AttributesOf& of) {
  dnnl::post_ops result;
  size_t next = 0;
  for (const PostOp& op : of.post_ops) {
    if (op.int8) {
      const QuantizerParameters& operand = op.int8->parameters;
      const auto dtype = static_cast<c10::ScalarType>(operand.dtype);
      const bool is_results = dtype == of.quantizer->scalar_type();
      result.append_sum(static_cast<float>(operand.scale), static_cast<int32_t>(operand.zero_point),
                        is_results ? memory::data_type::undef : onednn_dtype(dtype));
    } else if (op.is_prelu()) {
      result.append_prelu(kAlongChannels);
    } else if (op.by_channel.defined()) {
      result.append_binary(op.algorithm, of.channels);
    } else if (op.reads_operand()) {
      result.append_binary(op.algorithm, of.operands[next++]);
    } else {
      result.append_eltwise(op.algorithm, op.alpha, op.beta);
    }
  }
  return result;
}

}  // namespace

memory::desc channels_of_rank(int64_t channels, size_t rank) {
  memory::dims sizes(rank, 1);
  sizes[1] = channels;
  return {sizes, memory::data_type::f32, dense_strides(sizes)};
}

dnnl::primitive_attr primitive_attributes(const AttributesOf& of) {
  dnnl::primitive_attr attr = plain_attributes();
  if (of.source.scale != 1) attr.set_scales_mask(DNNL_ARG_SRC, kPerTensor);
  attr.set_scales_mask(DNNL_ARG_WEIGHTS, of.weight_scales_mask);
  if (of.source.zero_point != 0) attr.set_zero_points_mask(DNNL_ARG_SRC, kPerTensor);
  if (of.quantizer && !of.in_steps) {
    attr.set_scales_mask(DNNL_ARG_DST, kPerTensor);
    if (per_tensor(of.quantizer).zero_point() != 0) {
      attr.set_zero_points_mask(DNNL_ARG_DST, kPerTensor);
    }
  }
  attr.set_post_ops(onednn_post_ops(of));
  return attr;
}

std::vector<int> with_operands(std::vector<int> places, std::span<const PostOp> post_ops) {
  for (size_t i = 0; i < post_ops.size(); ++i) {
    if (!post_ops[i].reads_operand()) continue;
    places.push_back(DNNL_ARG_ATTR_MULTIPLE_POST_OP(static_cast<int>(i)) | DNNL_ARG_SRC_1);
  }
  return places;
}

}  // namespace int8graph
