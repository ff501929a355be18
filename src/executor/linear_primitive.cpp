#include "executor/linear_primitive.h"

#include "executor/onednn_runtime.h"
#include "executor/primitive_attributes.h"
#include "executor/tensor_bridge.h"

namespace int8graph {

using dnnl::memory;

namespace {

// For fewer rows oneDNN's convolution wants the weight packed in another way, and is no faster.
constexpr int64_t kLeastConvolution = 64;

// The layout that a matmul wants for the weight is the same for all numbers of rows; this one asks
// oneDNN for it.
constexpr int64_t kTypicalRows = 64;

size_t rank_of(LinearForm form) {
  return form == LinearForm::Matmul ? 2 : 4;
}

/// Rows of a source, result or operand.
memory::desc rows_of(LinearForm form, int64_t rows, int64_t size, memory::data_type dtype) {
  if (form == LinearForm::Matmul) return {{rows, size}, dtype, memory::format_tag::ab};
  return {{1, size, 1, rows}, dtype, memory::format_tag::nhwc};
}

memory::desc weight_in_any_layout(LinearForm form, const LinearPlan& plan) {
  const int64_t inner = plan.inner_size();
  const int64_t outer = plan.outer_size();
  const memory::dims sizes =
      form == LinearForm::Matmul ? memory::dims{inner, outer} : memory::dims{outer, inner, 1, 1};
  return {sizes, memory::data_type::s8, memory::format_tag::any};
}

memory::desc bias_of(LinearForm form, const LinearPlan& plan) {
  if (form == LinearForm::Matmul) return channels_of_rank(plan.outer_size(), 2);
  return {{plan.outer_size()}, memory::data_type::f32, memory::format_tag::a};
}

dnnl::primitive_attr attributes_of(LinearForm form, const LinearPlan& plan, int64_t rows) {
  std::vector<memory::desc> operands;
  for (const PostOp& op : plan.post_ops) {
    if (!op.reads_operand()) continue;
    operands.push_back(rows_of(form, rows, plan.outer_size(), onednn_dtype(op.dtype)));
  }
  const int per_column = 1 << (form == LinearForm::Matmul ? 1 : 0);  // a dimension of the weight
  return primitive_attributes({.source = plan.source.parameters,
                               .weight_scales_mask = plan.layer.scales.numel() > 1 ? per_column : 0,
                               .quantizer = plan.quantizer,
                               .in_steps = plan.in_steps,
                               .post_ops = plan.post_ops,
                               .operands = operands,
                               .channels = channels_of_rank(plan.outer_size(), rank_of(form))});
}

dnnl::primitive_desc_base describe_as(LinearForm form, const LinearPlan& plan,
                                      const memory::desc& weight, int64_t rows) {
  const auto dtype = static_cast<c10::ScalarType>(plan.source.parameters.dtype);
  const memory::desc source = rows_of(form, rows, plan.inner_size(), onednn_dtype(dtype));
  const memory::desc result =
      rows_of(form, rows, plan.outer_size(), onednn_dtype(result_dtype(plan.quantizer)));
  const memory::desc bias = plan.layer.bias.defined() ? bias_of(form, plan) : memory::desc();
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

/// The layout that matmuls want.
/// @throws dnnl::error if oneDNN has no matmul of this form.
memory::desc packed_layout(const LinearPlan& plan) {
  constexpr auto kForm = LinearForm::Matmul;
  return describe_as(kForm, plan, weight_in_any_layout(kForm, plan), kTypicalRows)
      .query_md(dnnl::query::weights_md);
}

/// The weight as it lies, seen as [K, N].
memory::desc plain_weight(const LinearPlan& plan) {
  const auto strides = plan.layer.weight.strides();
  const auto n = static_cast<size_t>(plan.channel_axis);
  return {{plan.inner_size(), plan.outer_size()},
          memory::data_type::s8,
          memory::dims{strides[1 - n], strides[n]}};
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

/// The convolution for so many rows; nothing if there is none, or it reads another layout.
std::optional<dnnl::primitive_desc_base> convolution(const LinearConstants& constants,
                                                     int64_t rows) {
  if (rows < kLeastConvolution) return {};
  constexpr auto kForm = LinearForm::Convolution;
  const LinearPlan& plan = constants.plan();
  try {
    auto found = describe_as(kForm, plan, weight_in_any_layout(kForm, plan), rows);
    const memory::desc wanted = found.query_md(dnnl::query::weights_md);
    if (lie_alike(constants.weight().packed().get_desc(), wanted)) return found;
  } catch (const dnnl::error&) {  // the matmul remains
  }
  return {};
}

}  // namespace

LinearConstants::LinearConstants(LinearPlan plan)
    : plan_(std::move(plan)),
      weight_(plan_.layer.weight, plain_weight(plan_), packed_layout(plan_)) {}

const PrimitiveConstants& LinearConstants::arguments(LinearForm form,
                                                     const memory::desc& weight) const {
  Arguments& made = arguments_[static_cast<size_t>(form)];
  std::call_once(made.making, [&] {
    PrimitiveConstants constants;
    constants.add(DNNL_ARG_WEIGHTS, {weight, onednn_engine(), weight_.packed().get_data_handle()});
    constants.add_layer(plan_.layer, bias_of(form, plan_));
    constants.add_post_ops(plan_.post_ops, channels_of_rank(plan_.outer_size(), rank_of(form)));
    constants.add_source(plan_.source.parameters);
    if (!plan_.in_steps) constants.add_quantizer(plan_.quantizer);
    made.constants = std::move(constants);
  });
  return made.constants;
}

LinearPrimitive::Description LinearPrimitive::describe(const LinearConstants& constants,
                                                       int64_t rows) {
  if (auto found = convolution(constants, rows)) return {LinearForm::Convolution, *found};
  return {LinearForm::Matmul, describe_as(LinearForm::Matmul, constants.plan(),
                                          constants.weight().packed().get_desc(), rows)};
}

LinearPrimitive::LinearPrimitive(std::shared_ptr<const LinearConstants> constants, int64_t rows)
    : LinearPrimitive(constants, describe(*constants, rows)) {}

LinearPrimitive::LinearPrimitive(std::shared_ptr<const LinearConstants> constants,
                                 const Description& description)
    : constants_(std::move(constants)),
      form_(description.form),
      runner_(description.primitive,
              constants_->arguments(form_, description.primitive.query_md(dnnl::query::weights_md)),
              with_operands({DNNL_ARG_SRC, DNNL_ARG_DST}, constants_->plan().post_ops)) {}

}  // namespace int8graph
