#include "executor/linear_primitive.h"

#include "executor/onednn_runtime.h"
#include "executor/primitive_attributes.h"
#include "executor/row_blocks.h"
#include "executor/tensor_bridge.h"

namespace int8graph {

using dnnl::memory;

namespace {

// The layout that a primitive wants for the weight is the same for all numbers of rows that it is
// used for; this one asks oneDNN for it.
constexpr int64_t kTypicalRows = kWholeBlock;

size_t rank_of(LinearForm form) {
  return form == LinearForm::Matmul ? 2 : 4;
}

/// Rows of a source, result or operand.
memory::desc rows_of(LinearForm form, int64_t rows, int64_t size, memory::data_type dtype) {
  if (form == LinearForm::Matmul) return {{rows, size}, dtype, memory::format_tag::ab};
  return {{1, size, 1, rows}, dtype, memory::format_tag::nhwc};
}

memory::desc weight_in_any_layout(LinearForm form, const MatmulPlan& plan) {
  const int64_t inner = plan.inner_size();
  const int64_t outer = plan.outer_size();
  const memory::dims sizes =
      form == LinearForm::Matmul ? memory::dims{inner, outer} : memory::dims{outer, inner, 1, 1};
  return {sizes, memory::data_type::s8, memory::format_tag::any};
}

memory::desc bias_of(LinearForm form, const MatmulPlan& plan) {
  if (form == LinearForm::Matmul) return channels_of_rank(plan.outer_size(), 2);
  return {{plan.outer_size()}, memory::data_type::f32, memory::format_tag::a};
}

dnnl::primitive_attr attributes_of(LinearForm form, const MatmulPlan& plan, int64_t rows) {
  std::vector<memory::desc> operands;
  for (const PostOp& op : plan.post_ops) {
    if (!op.reads_operand()) continue;
    operands.push_back(rows_of(form, rows, plan.outer_size(), onednn_dtype(op.dtype)));
  }
  const int per_column = 1 << (form == LinearForm::Matmul ? 1 : 0);  // a dimension of the weight
  return primitive_attributes(
      {.source = plan.source.parameters,
       .weight_scales_mask = plan.layer->scales.numel() > 1 ? per_column : 0,
       .quantizer = plan.quantizer,
       .post_ops = plan.post_ops,
       .operands = operands,
       .channels = channels_of_rank(plan.outer_size(), rank_of(form))});
}

dnnl::primitive_desc_base describe(LinearForm form, const MatmulPlan& plan,
                                   const memory::desc& weight, int64_t rows) {
  const auto dtype = static_cast<c10::ScalarType>(plan.source.parameters.dtype);
  const memory::desc source = rows_of(form, rows, plan.inner_size(), onednn_dtype(dtype));
  const memory::desc result =
      rows_of(form, rows, plan.outer_size(), onednn_dtype(result_dtype(plan.quantizer)));
  const memory::desc bias = plan.layer->bias.defined() ? bias_of(form, plan) : memory::desc();
  const dnnl::primitive_attr attr = attributes_of(form, plan, rows);
  if (form == LinearForm::Matmul) {
    return dnnl::matmul::primitive_desc(onednn_engine(), source, weight, bias, result, attr);
  }
  const memory::dims none = {0, 0};
  return dnnl::convolution_forward::primitive_desc(
      onednn_engine(), dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct,
      source, weight, bias, result, /*strides=*/{1, 1}, /*dilates=*/none, /*padding_l=*/none,
      /*padding_r=*/none, attr);
}

/// The layout that oneDNN wants.
/// @throws dnnl::error if it has no primitive of this form.
memory::desc packed_layout(LinearForm form, const MatmulPlan& plan) {
  return describe(form, plan, weight_in_any_layout(form, plan), kTypicalRows)
      .query_md(dnnl::query::weights_md);
}

/// The weight as it lies, seen as [K, N].
memory::desc plain_weight(const MatmulPlan& plan) {
  const auto strides = plan.layer->weight.strides();
  const size_t k = plan.weight_is_transposed ? 1 : 0;
  return {{plan.inner_size(), plan.outer_size()},
          memory::data_type::s8,
          memory::dims{strides[k], strides[1 - k]}};
}

/// Whether both layouts are [N / 64][K / 4][64][4] and nothing else, such as sums behind the
/// numbers.
bool lie_alike(const memory::desc& matmul, const memory::desc& convolution) {
  using Dims = memory::dims;
  const Dims sizes = matmul.get_dims();
  const int64_t columns_of_64 = 64 * sizes[0];
  const auto bytes = static_cast<size_t>(sizes[0] * sizes[1]);
  return sizes[0] % 64 == 0 && sizes[1] % 64 == 0 && matmul.get_size() == bytes &&
         matmul.get_inner_idxs() == Dims{0, 1, 0} && matmul.get_inner_blks() == Dims{16, 64, 4} &&
         matmul.get_strides() == Dims{16 * 64 * 4, columns_of_64} &&
         convolution.get_size() == bytes && convolution.get_inner_idxs() == Dims{0, 1} &&
         convolution.get_inner_blks() == Dims{64, 4} &&
         convolution.get_strides() == Dims{columns_of_64, 64 * 4, columns_of_64, columns_of_64};
}

/// How a convolution sees a weight that is packed for a matmul; nothing if it wants another layout.
std::optional<memory::desc> convolution_layout(const MatmulPlan& plan, const memory::desc& packed) {
  try {
    const memory::desc layout = packed_layout(LinearForm::Convolution, plan);
    return lie_alike(packed, layout) ? std::optional(layout) : std::nullopt;
  } catch (const dnnl::error&) {  // no convolution with these post-ops
    return {};
  }
}

dnnl::primitive_desc_base describe(const LinearConstants& constants, int64_t rows) {
  const LinearForm form = constants.form_for(rows);
  return describe(form, constants.plan(), constants.weight_layout(form), rows);
}

}  // namespace

LinearConstants::LinearConstants(MatmulPlan plan)
    : plan_(std::move(plan)),
      as_matmul_(packed_layout(LinearForm::Matmul, plan_)),
      as_convolution_(convolution_layout(plan_, as_matmul_)),
      weight_(plan_.layer->weight, plain_weight(plan_), as_matmul_) {}

LinearForm LinearConstants::form_for(int64_t rows) const {
  return as_convolution_ && rows >= kWholeBlock ? LinearForm::Convolution : LinearForm::Matmul;
}

const memory::desc& LinearConstants::weight_layout(LinearForm form) const {
  return form == LinearForm::Matmul ? as_matmul_ : *as_convolution_;
}

PrimitiveConstants LinearConstants::arguments(LinearForm form) const {
  PrimitiveConstants result;
  result.add(DNNL_ARG_WEIGHTS,
             {weight_layout(form), onednn_engine(), weight_.packed().get_data_handle()});
  result.add_layer(*plan_.layer, bias_of(form, plan_));
  result.add_post_ops(plan_.post_ops, channels_of_rank(plan_.outer_size(), rank_of(form)));
  result.add_source(plan_.source.parameters);
  result.add_quantizer(plan_.quantizer);
  return result;
}

LinearPrimitive::LinearPrimitive(std::shared_ptr<const LinearConstants> constants, int64_t rows)
    : constants_(std::move(constants)),
      runner_(describe(*constants_, rows), constants_->arguments(constants_->form_for(rows)),
              with_operands({DNNL_ARG_SRC, DNNL_ARG_DST}, constants_->plan().post_ops)) {}

}  // namespace int8graph
