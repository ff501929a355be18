#include "executor/matmul_primitive.h"

#include "executor/onednn_runtime.h"
#include "executor/primitive_attributes.h"

namespace int8graph {

namespace {

dnnl::matmul::primitive_desc describe(const ProductPlan& plan, const MatmulShapes& shapes) {
  const auto attr = primitive_attributes({.source = plan.source.parameters,
                                          .weight_scales_mask = 0,
                                          .quantizer = plan.quantizer,
                                          .post_ops = plan.post_ops,
                                          .operands = shapes.operands,
                                          .channels = {}});
  return {onednn_engine(), shapes.source, shapes.second, shapes.result, attr};
}

}  // namespace

PrimitiveConstants product_constants(const ProductPlan& plan) {
  PrimitiveConstants result;
  result.add_source(plan.source.parameters);
  result.add_scale(DNNL_ARG_WEIGHTS, plan.second.parameters.scale);
  result.add_quantizer(plan.quantizer);
  return result;
}

MatmulPrimitive::MatmulPrimitive(const ProductPlan& plan, const PrimitiveConstants& constants,
                                 const MatmulShapes& shapes)
    : runner_(describe(plan, shapes), constants,
              with_operands({DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST}, plan.post_ops)) {}

}  // namespace int8graph
