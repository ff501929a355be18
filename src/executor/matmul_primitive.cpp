#include "executor/matmul_primitive.h"

#include "executor/onednn_runtime.h"
#include "executor/primitive_attributes.h"
#include "executor/tensor_bridge.h"

namespace int8graph {

using dnnl::memory;

namespace {

// The packed weight's layout is the same for all numbers of rows; this one asks oneDNN for it.
constexpr int64_t kTypicalRows = 64;

// The weight's scales: one for each of the result's columns.
constexpr int kPerColumn = 1 << 1;

memory::desc rows_of(int64_t rows, int64_t size, memory::data_type dtype) {
  return {{rows, size}, dtype, memory::format_tag::ab};
}

/// The weight as it lies, seen as [K, N].
memory::desc plain_weight(const MatmulPlan& plan) {
  const auto strides = plan.layer->weight.strides();
  const size_t k = plan.weight_is_transposed ? 1 : 0;
  return {{plan.inner_size(), plan.outer_size()},
          memory::data_type::s8,
          memory::dims{strides[k], strides[1 - k]}};
}

/// A bias, or what else there is one of for each column.
memory::desc columns_of(const MatmulPlan& plan) {
  return channels_of_rank(plan.outer_size(), 2);
}

dnnl::matmul::primitive_desc describe(const MatmulPlan& plan, const MatmulShapes& shapes) {
  const bool per_column = plan.layer && plan.layer->scales.numel() > 1;
  const auto attr =
      primitive_attributes({.source = plan.source.parameters,
                            .weight_scales_mask = per_column ? kPerColumn : 0,
                            .quantizer = plan.quantizer,
                            .post_ops = plan.post_ops,
                            .operands = shapes.operands,
                            .channels = plan.layer ? columns_of(plan) : memory::desc()});
  if (!plan.layer || !plan.layer->bias.defined()) {
    return {onednn_engine(), shapes.source, shapes.second, shapes.result, attr};
  }
  return {onednn_engine(), shapes.source, shapes.second, columns_of(plan), shapes.result, attr};
}

std::vector<int> places_of(const MatmulPlan& plan) {
  std::vector<int> places = {DNNL_ARG_SRC};
  if (!plan.layer) places.push_back(DNNL_ARG_WEIGHTS);
  places.push_back(DNNL_ARG_DST);
  return with_operands(std::move(places), plan.post_ops);
}

}  // namespace

MatmulShapes linear_shapes(const MatmulPlan& plan, const memory::desc& weight, int64_t rows) {
  const auto source = onednn_dtype(static_cast<c10::ScalarType>(plan.source.parameters.dtype));
  const auto result = onednn_dtype(result_dtype(plan.quantizer));
  MatmulShapes shapes{rows_of(rows, plan.inner_size(), source),
                      weight,
                      rows_of(rows, plan.outer_size(), result),
                      {}};
  for (const PostOp& op : plan.post_ops) {
    if (op.reads_operand()) {
      shapes.operands.push_back(rows_of(rows, plan.outer_size(), onednn_dtype(op.dtype)));
    }
  }
  return shapes;
}

MatmulConstants::MatmulConstants(const MatmulPlan& plan)
    : layer_(plan.layer), post_ops_(plan.post_ops) {
  if (layer_) {
    const memory::desc any({plan.inner_size(), plan.outer_size()}, memory::data_type::s8,
                           memory::format_tag::any);
    weight_.emplace(layer_->weight, plain_weight(plan),
                    describe(plan, linear_shapes(plan, any, kTypicalRows)).weights_desc());
    arguments_.add(DNNL_ARG_WEIGHTS, weight_->packed());
    arguments_.add_layer(*layer_, columns_of(plan));
    arguments_.add_post_ops(post_ops_, columns_of(plan));
  } else {
    arguments_.add_scale(DNNL_ARG_WEIGHTS, plan.second->parameters.scale);
  }
  arguments_.add_source(plan.source.parameters);
  arguments_.add_quantizer(plan.quantizer);
}

MatmulPrimitive::MatmulPrimitive(const MatmulPlan& plan,
                                 std::shared_ptr<const MatmulConstants> constants,
                                 const MatmulShapes& shapes)
    : constants_(std::move(constants)),
      runner_(describe(plan, shapes), constants_->arguments(), places_of(plan)) {}

}  // namespace int8graph
