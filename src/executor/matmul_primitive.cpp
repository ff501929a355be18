#include "executor/matmul_primitive.h"

#include <c10/core/CPUAllocator.h>
#include <c10/util/SmallVector.h>

#include "executor/onednn_runtime.h"
#include "executor/profile.h"

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
    default:
      return memory::data_type::f32;
  }
}

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
    add(DNNL_ARG_WEIGHTS, std::move(packed));
    add(DNNL_ARG_ATTR_SCALES | DNNL_ARG_WEIGHTS,
        {{{scales_.numel()}, memory::data_type::f32, memory::format_tag::a},
         onednn_engine(),
         scales_.data_ptr()});
  } else {
    add_scale(DNNL_ARG_WEIGHTS, plan.second->parameters.scale);
  }
  if (bias_.defined()) {
    add(DNNL_ARG_BIAS,
        {rows_of(1, plan.outer_size(), memory::data_type::f32), onednn_engine(), bias_.data_ptr()});
  }
  add_scale(DNNL_ARG_SRC, plan.source.parameters.scale);
  if (plan.source.parameters.zero_point != 0) {
    add_zero_point(DNNL_ARG_SRC, plan.source.parameters.zero_point);
  }
  if (plan.quantizer) {
    const auto& quantizer = static_cast<const at::PerTensorAffineQuantizer&>(*plan.quantizer);
    add_scale(DNNL_ARG_DST, quantizer.scale());
    add_zero_point(DNNL_ARG_DST, quantizer.zero_point());
  }
}

void MatmulConstants::add(int place, memory value) {
  memories_.push_back(std::move(value));
  arguments_.push_back({place, memories_.back().get()});
}

void MatmulConstants::add_scale(int place, double scale) {
  add(DNNL_ARG_ATTR_SCALES | place, number(memory::data_type::f32, static_cast<float>(scale)));
}

void MatmulConstants::add_zero_point(int place, int64_t zero_point) {
  add(DNNL_ARG_ATTR_ZERO_POINTS | place,
      number(memory::data_type::s32, static_cast<int32_t>(zero_point)));
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

void MatmulPrimitive::run(const Data& data) const {
  const dnnl::engine& engine = onednn_engine();
  const at::DataPtr scratch = c10::GetCPUAllocator()->allocate(scratchpad_.get_size());
  const auto constants = constants_->arguments();
  c10::SmallVector<dnnl_exec_arg_t, 14> arguments(constants.begin(), constants.end());
  c10::SmallVector<memory, 6> memories;
  const auto add = [&](int place, const memory::desc& desc, const void* place_of_data) {
    memories.emplace_back(desc, engine, const_cast<void*>(place_of_data));
    arguments.push_back({place, memories.back().get()});
  };
  add(DNNL_ARG_SRC, shapes_.source, data.source);
  if (data.second != nullptr) add(DNNL_ARG_WEIGHTS, shapes_.second, data.second);
  add(DNNL_ARG_DST, shapes_.result, data.result);
  add(DNNL_ARG_SCRATCHPAD, scratchpad_, scratch.get());
  for (size_t i = 0; i < operand_places_.size(); ++i) {
    add(operand_places_[i], shapes_.operands[i], data.operands[i]);
  }
  const OneDnnTimer timer;
  dnnl::error::wrap_c_api(
      dnnl_primitive_execute(primitive_.get(), onednn_stream().get(),
                             static_cast<int>(arguments.size()), arguments.data()),
      "oneDNN could not run a matmul");
}

}  // namespace int8graph
