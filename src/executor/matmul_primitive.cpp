#include "executor/matmul_primitive.h"

#include "executor/onednn_runtime.h"

namespace int8graph {

using dnnl::memory;

namespace {

// The packed weight's layout is the same for all numbers of rows; this one asks oneDNN for it.
constexpr int64_t kTypicalRows = 64;

// Scales and zero points: one for the tensor, or one for each of the result's columns.
constexpr int kPerTensor = 0;
constexpr int kPerColumn = 1 << 1;

memory::desc rows_of(int64_t rows, int64_t size, memory::data_type dtype) {
  return {{rows, size}, dtype, memory::format_tag::ab};
}

/// The weight as it lies, seen as [K, N].
memory::desc plain_weight(const MatmulPlan& plan) {
  const auto strides = plan.weight.strides();
  const size_t k = plan.weight_is_transposed ? 1 : 0;
  return {{plan.inner_size(), plan.outer_size()},
          memory::data_type::s8,
          memory::dims{strides[k], strides[1 - k]}};
}

dnnl::post_ops post_ops(const MatmulPlan& plan, const std::vector<memory::desc>& operands) {
  dnnl::post_ops result;
  size_t next = 0;
  for (const MatmulPlan::PostOp& op : plan.post_ops) {
    if (op.argument) {
      result.append_binary(op.algorithm, operands[next++]);
    } else {
      result.append_eltwise(op.algorithm, op.alpha, op.beta);
    }
  }
  return result;
}

dnnl::primitive_attr attributes(const MatmulPlan& plan, const std::vector<memory::desc>& operands) {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  attr.set_scales_mask(DNNL_ARG_SRC, kPerTensor);
  attr.set_scales_mask(DNNL_ARG_WEIGHTS, plan.weight.defined() && plan.weight_scales.numel() > 1
                                             ? kPerColumn
                                             : kPerTensor);
  if (plan.source.parameters.zero_point != 0) attr.set_zero_points_mask(DNNL_ARG_SRC, kPerTensor);
  if (plan.quantizer) {
    attr.set_scales_mask(DNNL_ARG_DST, kPerTensor);
    attr.set_zero_points_mask(DNNL_ARG_DST, kPerTensor);
  }
  attr.set_post_ops(post_ops(plan, operands));
  return attr;
}

dnnl::matmul::primitive_desc describe(const MatmulPlan& plan, const MatmulShapes& shapes) {
  const auto attr = attributes(plan, shapes.operands);
  if (!plan.bias.defined()) {
    return {onednn_engine(), shapes.source, shapes.second, shapes.result, attr};
  }
  const auto bias = rows_of(1, plan.outer_size(), memory::data_type::f32);
  return {onednn_engine(), shapes.source, shapes.second, bias, shapes.result, attr};
}

}  // namespace

MatmulShapes linear_shapes(const MatmulPlan& plan, const memory::desc& weight, int64_t rows) {
  const auto source = onednn_dtype(static_cast<c10::ScalarType>(plan.source.parameters.dtype));
  const auto result =
      plan.quantizer ? onednn_dtype(plan.quantizer->scalar_type()) : memory::data_type::f32;
  MatmulShapes shapes{rows_of(rows, plan.inner_size(), source),
                      weight,
                      rows_of(rows, plan.outer_size(), result),
                      {}};
  for (const MatmulPlan::PostOp& op : plan.post_ops) {
    if (op.argument) {
      shapes.operands.push_back(rows_of(rows, plan.outer_size(), memory::data_type::f32));
    }
  }
  return shapes;
}

MatmulConstants::MatmulConstants(const MatmulPlan& plan)
    : scales_(plan.weight_scales), bias_(plan.bias) {
  if (plan.weight.defined()) {
    const memory::desc any({plan.inner_size(), plan.outer_size()}, memory::data_type::s8,
                           memory::format_tag::any);
    weight_ = describe(plan, linear_shapes(plan, any, kTypicalRows)).weights_desc();
    memory packed(weight_, onednn_engine());
    memory plain(plain_weight(plan), onednn_engine(), plan.weight.data_ptr());
    dnnl::reorder(plain, packed).execute(onednn_stream(), plain, packed);
    arguments_.add(DNNL_ARG_WEIGHTS, std::move(packed));
    arguments_.add(DNNL_ARG_ATTR_SCALES | DNNL_ARG_WEIGHTS,
                   {{{scales_.numel()}, memory::data_type::f32, memory::format_tag::a},
                    onednn_engine(),
                    scales_.data_ptr()});
  } else {
    arguments_.add_scale(DNNL_ARG_WEIGHTS, plan.second->parameters.scale);
  }
  if (bias_.defined()) {
    arguments_.add(DNNL_ARG_BIAS, {rows_of(1, plan.outer_size(), memory::data_type::f32),
                                   onednn_engine(), bias_.data_ptr()});
  }
  arguments_.add_scale(DNNL_ARG_SRC, plan.source.parameters.scale);
  if (plan.source.parameters.zero_point != 0) {
    arguments_.add_zero_point(DNNL_ARG_SRC, plan.source.parameters.zero_point);
  }
  if (plan.quantizer) {
    const auto& quantizer = static_cast<const at::PerTensorAffineQuantizer&>(*plan.quantizer);
    arguments_.add_scale(DNNL_ARG_DST, quantizer.scale());
    arguments_.add_zero_point(DNNL_ARG_DST, quantizer.zero_point());
  }
}

MatmulPrimitive::MatmulPrimitive(const MatmulPlan& plan,
                                 std::shared_ptr<const MatmulConstants> constants,
                                 MatmulShapes shapes)
    : constants_(std::move(constants)),
      shapes_(std::move(shapes)),
      description_(describe(plan, shapes_)),
      primitive_(description_),
      scratchpad_(description_.scratchpad_desc()) {
  for (size_t i = 0; i < plan.post_ops.size(); ++i) {
    if (!plan.post_ops[i].argument) continue;
    operand_places_.push_back(DNNL_ARG_ATTR_MULTIPLE_POST_OP(static_cast<int>(i)) | DNNL_ARG_SRC_1);
  }
}

std::string MatmulPrimitive::shape() const {
  return c10::str(at::IntArrayRef(shapes_.source.get_dims()));
}

void MatmulPrimitive::run(const Data& data) const {
  PrimitiveCall call(constants_->arguments());
  call.add(DNNL_ARG_SRC, shapes_.source, data.source);
  if (data.second != nullptr) call.add(DNNL_ARG_WEIGHTS, shapes_.second, data.second);
  call.add(DNNL_ARG_DST, shapes_.result, data.result);
  for (size_t i = 0; i < operand_places_.size(); ++i) {
    call.add(operand_places_[i], shapes_.operands[i], data.operands[i]);
  }
  call.run(primitive_, scratchpad_);
}

}  // namespace int8graph
