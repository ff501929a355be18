#include "executor/row_primitive.h"

#include "executor/onednn_runtime.h"
#include "executor/tensor_bridge.h"

namespace int8graph {

using dnnl::memory;

namespace {

dnnl::primitive_attr attributes(const RowPlan& plan) {
  dnnl::primitive_attr attr = plain_attributes();
  if (plan.quantizer) attr.set_scales_mask(DNNL_ARG_DST, 0);
  return attr;
}

dnnl::softmax_forward::primitive_desc describe(const RowPlan& plan, int64_t rows, int64_t length) {
  const memory::dims sizes = {rows, length};
  const memory::desc source(sizes, memory::data_type::f32, memory::format_tag::ab);
  const memory::desc result(sizes, onednn_dtype(result_dtype(plan.quantizer)),
                            memory::format_tag::ab);
  return {onednn_engine(), dnnl::prop_kind::forward_inference, plan.algorithm, source, result, 1,
          attributes(plan)};
}

}  // namespace

PrimitiveConstants row_constants(const RowPlan& plan) {
  PrimitiveConstants constants;
  constants.add_quantizer(plan.quantizer);
  return constants;
}

RowPrimitive::RowPrimitive(const RowPlan& plan, const PrimitiveConstants& constants, int64_t rows,
                           int64_t length)
    : runner_(describe(plan, rows, length), constants, {DNNL_ARG_SRC, DNNL_ARG_DST}) {}

}  // namespace int8graph
