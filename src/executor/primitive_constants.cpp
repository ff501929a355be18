#include "executor/primitive_constants.h"

#include <c10/util/StringUtil.h>

#include <stdexcept>

#include "executor/onednn_runtime.h"
#include "executor/tensor_bridge.h"

namespace int8graph {

using dnnl::memory;

namespace {

/// A memory of its own for a number that primitives read when they run.
template <typename T>
memory number(memory::data_type dtype, T value) {
  memory result({{1}, dtype, memory::format_tag::a}, onednn_engine());
  *static_cast<T*>(result.get_data_handle()) = value;
  return result;
}

}  // namespace

memory::data_type onednn_dtype(c10::ScalarType dtype) {
  switch (dtype) {
    case c10::kQInt8:
      return memory::data_type::s8;
    case c10::kQUInt8:
      return memory::data_type::u8;
    case c10::kFloat:
      return memory::data_type::f32;
    default:
      throw std::invalid_argument(c10::str("a primitive reads or writes a tensor of dtype ", dtype,
                                           "; accepted are Float, QInt8 and QUInt8"));
  }
}

memory::dims onednn_dilations(memory::dims dilations) {
  for (int64_t& dilation : dilations) --dilation;
  return dilations;
}

void PrimitiveConstants::add(int place, memory value) {
  memories_.push_back(std::move(value));
  arguments_.push_back({place, memories_.back().get()});
}

void PrimitiveConstants::add_scale(int place, double scale) {
  add(DNNL_ARG_ATTR_SCALES | place, number(memory::data_type::f32, static_cast<float>(scale)));
}

void PrimitiveConstants::add_zero_point(int place, int64_t zero_point) {
  add(DNNL_ARG_ATTR_ZERO_POINTS | place,
      number(memory::data_type::s32, static_cast<int32_t>(zero_point)));
}

void PrimitiveConstants::add_source(const QuantizerParameters& parameters) {
  if (parameters.scale != 1) add_scale(DNNL_ARG_SRC, parameters.scale);
  if (parameters.zero_point != 0) add_zero_point(DNNL_ARG_SRC, parameters.zero_point);
}

void PrimitiveConstants::add_quantizer(const at::QuantizerPtr& quantizer) {
  if (!quantizer) return;
  const auto& parameters = per_tensor(quantizer);
  add_scale(DNNL_ARG_DST, parameters.scale());
  if (parameters.zero_point() != 0) add_zero_point(DNNL_ARG_DST, parameters.zero_point());
}

void PrimitiveConstants::add_layer(const WeightAndBias& layer, const memory::desc& bias) {
  const memory::desc scales({layer.scales.numel()}, memory::data_type::f32, memory::format_tag::a);
  add(DNNL_ARG_ATTR_SCALES | DNNL_ARG_WEIGHTS, {scales, onednn_engine(), layer.scales.data_ptr()});
  if (!layer.bias.defined()) return;
  add(DNNL_ARG_BIAS, {bias, onednn_engine(), layer.bias.data_ptr()});
}

void PrimitiveConstants::add_post_ops(std::span<const PostOp> post_ops,
                                      const memory::desc& channels) {
  for (size_t i = 0; i < post_ops.size(); ++i) {
    const PostOp& op = post_ops[i];
    if (!op.by_channel.defined()) continue;
    add(DNNL_ARG_ATTR_MULTIPLE_POST_OP(static_cast<int>(i)) |
            (op.is_prelu() ? DNNL_ARG_WEIGHTS : DNNL_ARG_SRC_1),
        {channels, onednn_engine(), op.by_channel.data_ptr()});
  }
}

dnnl::primitive_attr plain_attributes() {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attr;
}

}  // namespace int8graph
