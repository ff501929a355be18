#include "ops/lowering.h"

#include <ATen/core/Tensor.h>
#include <ATen/quantized/Quantizer.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>
#include <limits>

#include "ops/attached_nodes.h"
#include "ops/operator_table.h"

namespace int8graph {

namespace {

using Integers = std::vector<int64_t>;

std::vector<torch::jit::Value*> inputs_with_bias(const NodeArguments& arguments, size_t bias) {
  std::vector<torch::jit::Value*> inputs = {arguments.value(0), arguments.value(1)};
  if (!arguments.is_none(bias)) inputs.push_back(arguments.value(bias));
  return inputs;
}

at::Tensor constant_weight(const NodeArguments& arguments) {
  if (auto weight = constant_tensor(arguments.value(1))) return *weight;
  throw NotLowerable{"its weight is not a constant"};
}

struct Padding {
  Integers begin;
  Integers end;
};

/// `padding` as ints, or as "valid" / "same": PyTorch puts the odd element of "same" at the end.
Padding convolution_padding(const NodeArguments& arguments, size_t i, const at::Tensor& weight,
                            const Integers& dilations) {
  const size_t spatial = dilations.size();
  if (arguments.node().input(i)->type()->kind() != c10::TypeKind::StringType) {
    const Integers pads = arguments.integers(i, spatial);
    return {pads, pads};
  }
  Padding padding{Integers(spatial, 0), Integers(spatial, 0)};
  if (arguments.string(i) == "valid") return padding;
  for (size_t d = 0; d < spatial; ++d) {
    const int64_t total = dilations[d] * (weight.size(static_cast<int64_t>(d) + 2) - 1);
    padding.begin[d] = total / 2;
    padding.end[d] = total - total / 2;
  }
  return padding;
}

LoweredOp clamp(torch::jit::Value* input, double min, double max) {
  return {OpKind::Clamp,
          {input},
          {{Attr::min, static_cast<float>(min)}, {Attr::max, static_cast<float>(max)}}};
}

/// A kernel's or stride's list; PyTorch's empty stride means "as the kernel".
Integers pool_strides(const NodeArguments& arguments, const Integers& kernel) {
  const Integers strides = arguments.integers(2);
  return strides.empty() ? kernel : arguments.integers(2, kernel.size());
}

/// Whether a value was dequantized with a zero point, so that the integer 0 stands for another
/// number.
bool has_zero_point(const torch::jit::Value& value) {
  const torch::jit::Node& node = *value.node();
  const Operator* row = find_operator(node);
  if (row == nullptr || row->lower != lower_dequantize) return false;
  const auto zero_point = torch::jit::toIValue(node.input(2));
  return !zero_point || zero_point->toInt() != 0;
}

void refuse_alpha(const NodeArguments& arguments) {
  if (arguments.size() > 2 && arguments.number(2) != 1.0) throw NotLowerable{"alpha is not 1"};
}

constexpr double kInfinity = std::numeric_limits<double>::infinity();

LoweredOp softmax(OpKind kind, const NodeArguments& arguments) {
  if (!arguments.is_none(2)) throw NotLowerable{"it converts to another dtype"};
  return {kind, {arguments.value(0)}, {{Attr::axis, arguments.integer(1)}}};
}

std::vector<std::pair<Attr, AttrValue>> per_tensor(double scale, int64_t zero_point) {
  return {{Attr::qtype, std::string("per_tensor")},
          {Attr::scales, std::vector<float>{static_cast<float>(scale)}},
          {Attr::zps, Integers{zero_point}}};
}

}  // namespace

LoweredOp lower_convolution(const NodeArguments& arguments) {
  const at::Tensor weight = constant_weight(arguments);
  const auto spatial = static_cast<size_t>(weight.dim() - 2);
  const Integers dilations = arguments.integers(5, spatial);
  Padding padding = convolution_padding(arguments, 4, weight, dilations);
  auto inputs = inputs_with_bias(arguments, 2);
  if (const auto attached = attached_padding(inputs.front(), spatial)) {
    inputs.front() = attached->input;
    for (size_t d = 0; d < spatial; ++d) {
      padding.begin[d] += attached->begin[d];
      padding.end[d] += attached->end[d];
    }
  }
  return {OpKind::Convolution,
          std::move(inputs),
          {{Attr::strides, arguments.integers(3, spatial)},
           {Attr::pads_begin, std::move(padding.begin)},
           {Attr::pads_end, std::move(padding.end)},
           {Attr::dilations, dilations},
           {Attr::groups, arguments.integer(6)},
           {Attr::data_format, std::string("NCX")},
           {Attr::weights_format, std::string("OIX")}}};
}

LoweredOp lower_conv_transpose(const NodeArguments& arguments) {
  const at::Tensor weight = constant_weight(arguments);
  const auto spatial = static_cast<size_t>(weight.dim() - 2);
  const Integers pads = arguments.integers(4, spatial);
  return {OpKind::ConvTranspose,
          inputs_with_bias(arguments, 2),
          {{Attr::strides, arguments.integers(3, spatial)},
           {Attr::pads_begin, pads},
           {Attr::pads_end, pads},
           {Attr::output_padding, arguments.integers(5, spatial)},
           {Attr::groups, arguments.integer(6)},
           {Attr::dilations, arguments.integers(7, spatial)},
           {Attr::data_format, std::string("NCX")},
           {Attr::weights_format, std::string("IOX")}}};
}

LoweredOp lower_linear(const NodeArguments& arguments) {
  return {OpKind::MatMul, inputs_with_bias(arguments, 2), {{Attr::transpose_b, true}}};
}

LoweredOp lower_matmul(const NodeArguments& arguments) {
  return {OpKind::MatMul, {arguments.value(0), arguments.value(1)}, {}};
}

LoweredOp lower_add(const NodeArguments& arguments) {
  refuse_alpha(arguments);
  return {OpKind::Add, {arguments.value(0), arguments.value(1)}, {}};
}

LoweredOp lower_sub(const NodeArguments& arguments) {
  refuse_alpha(arguments);
  return {OpKind::Subtract, {arguments.value(0), arguments.value(1)}, {}};
}

LoweredOp lower_div(const NodeArguments& arguments) {
  if (arguments.size() > 2 && !arguments.is_none(2)) throw NotLowerable{"it rounds its result"};
  return {OpKind::Divide, {arguments.value(0), arguments.value(1)}, {}};
}

void refuse_more_arguments_than(size_t count, const NodeArguments& arguments) {
  if (arguments.size() > count) {
    throw NotLowerable{"it has " + std::to_string(arguments.size()) + " arguments, not " +
                       std::to_string(count)};
  }
}

LoweredOp lower_clamp(const NodeArguments& arguments) {
  const double min = arguments.is_none(1) ? -kInfinity : arguments.number(1);
  const double max = arguments.is_none(2) ? kInfinity : arguments.number(2);
  return clamp(arguments.value(0), min, max);
}

LoweredOp lower_clamp_min(const NodeArguments& arguments) {
  return clamp(arguments.value(0), arguments.number(1), kInfinity);
}

LoweredOp lower_clamp_max(const NodeArguments& arguments) {
  return clamp(arguments.value(0), -kInfinity, arguments.number(1));
}

LoweredOp lower_relu6(const NodeArguments& arguments) {
  return clamp(arguments.value(0), 0, 6);
}

LoweredOp lower_leaky_relu(const NodeArguments& arguments) {
  return {OpKind::LeakyReLU,
          {arguments.value(0)},
          {{Attr::alpha, static_cast<float>(arguments.number(1))}}};
}

LoweredOp lower_elu(const NodeArguments& arguments) {
  if (arguments.number(2) != 1.0 || arguments.number(3) != 1.0) {
    throw NotLowerable{"scale or input_scale is not 1"};
  }
  return {
      OpKind::Elu, {arguments.value(0)}, {{Attr::alpha, static_cast<float>(arguments.number(1))}}};
}

LoweredOp lower_gelu(const NodeArguments& arguments) {
  // oneDNN Graph has the erf form only. The tanh form differs from it by at most 5e-4, far less
  // than a quantum of any int8 activation it is fused with.
  return {OpKind::GELU, {arguments.value(0)}, {}};
}

LoweredOp lower_hardsigmoid(const NodeArguments& arguments) {
  return {OpKind::HardSigmoid, {arguments.value(0)}, {{Attr::alpha, 1.0F / 6}, {Attr::beta, 0.5F}}};
}

LoweredOp lower_softplus(const NodeArguments& arguments) {
  // Beyond PyTorch's default threshold of 20 softplus(x) is x in fp32; below it, it is not.
  if (arguments.number(2) < 20) throw NotLowerable{"its threshold is below 20"};
  return {OpKind::SoftPlus,
          {arguments.value(0)},
          {{Attr::beta, static_cast<float>(arguments.number(1))}}};
}

LoweredOp lower_pow(const NodeArguments& arguments) {
  if (arguments.is_tensor(1)) throw NotLowerable{"its exponent is a tensor"};
  const double exponent = arguments.number(1);
  if (exponent == 2.0) return {OpKind::Square, {arguments.value(0)}, {}};
  if (exponent == 0.5) return {OpKind::Sqrt, {arguments.value(0)}, {}};
  throw NotLowerable{"oneDNN Graph fuses no powers but squares and square roots"};
}

LoweredOp lower_prelu(const NodeArguments& arguments) {
  // oneDNN Graph fuses it with nothing; oneDNN's primitives do (passes/compute_region.cpp).
  return {OpKind::PReLU,
          {arguments.value(0), arguments.value(1)},
          {{Attr::data_format, std::string("NCX")}}};
}

LoweredOp lower_softmax(const NodeArguments& arguments) {
  return softmax(OpKind::SoftMax, arguments);
}

LoweredOp lower_log_softmax(const NodeArguments& arguments) {
  return softmax(OpKind::LogSoftmax, arguments);
}

LoweredOp lower_layer_norm(const NodeArguments& arguments) {
  const bool affine = !arguments.is_none(2) && !arguments.is_none(3);
  if (!affine && !(arguments.is_none(2) && arguments.is_none(3))) {
    throw NotLowerable{"it has a weight or a bias, but not both"};
  }
  std::vector<torch::jit::Value*> inputs = {arguments.value(0)};
  if (affine) inputs.insert(inputs.end(), {arguments.value(2), arguments.value(3)});
  const auto normalized = static_cast<int64_t>(arguments.integers(1).size());
  return {OpKind::LayerNorm,
          std::move(inputs),
          {{Attr::keep_stats, false},
           {Attr::begin_norm_axis, -normalized},
           {Attr::use_affine, affine},
           {Attr::epsilon, static_cast<float>(arguments.number(4))}}};
}

LoweredOp lower_batch_norm(const NodeArguments& arguments) {
  if (arguments.boolean(5)) throw NotLowerable{"it is in training mode"};
  std::vector<torch::jit::Value*> inputs = {arguments.value(0)};
  for (size_t i = 1; i <= 4; ++i) inputs.push_back(arguments.value(i));
  return {OpKind::BatchNormInference,
          std::move(inputs),
          {{Attr::epsilon, static_cast<float>(arguments.number(7))},
           {Attr::data_format, std::string("NCX")}}};
}

LoweredOp lower_max_pool(const NodeArguments& arguments) {
  const size_t spatial = find_operator(arguments.node())->spatial_dimensions();
  const Integers kernel = arguments.integers(1, spatial);
  const Integers pads = arguments.integers(3, spatial);
  const Integers strides = pool_strides(arguments, kernel);
  if (arguments.boolean(5)) {
    for (size_t d = 0; d < spatial; ++d) {
      // PyTorch drops a last window that would begin behind the input and its left padding; oneDNN
      // keeps it. There is none while stride + padding <= kernel.
      if (strides[d] + pads[d] > kernel[d]) {
        throw NotLowerable{"ceil_mode is set, and its last window may lie outside of the input"};
      }
    }
  }
  return {OpKind::MaxPool,
          {arguments.value(0)},
          {{Attr::kernel, kernel},
           {Attr::strides, strides},
           {Attr::pads_begin, pads},
           {Attr::pads_end, pads},
           {Attr::dilations, arguments.integers(4, spatial)},
           {Attr::rounding_type, std::string(arguments.boolean(5) ? "ceil" : "floor")},
           {Attr::data_format, std::string("NCX")}}};
}

LoweredOp lower_avg_pool(const NodeArguments& arguments) {
  // With ceil_mode PyTorch's and oneDNN's divisors differ in the last, partial window.
  if (arguments.boolean(4)) throw NotLowerable{"ceil_mode is set"};
  if (arguments.size() > 6 && !arguments.is_none(6)) throw NotLowerable{"divisor_override is set"};
  const size_t spatial = find_operator(arguments.node())->spatial_dimensions();
  const Integers kernel = arguments.integers(1, spatial);
  const Integers pads = arguments.integers(3, spatial);
  const bool counts_padding = arguments.boolean(5);
  const bool pads_anything = std::ranges::any_of(pads, [](int64_t pad) { return pad != 0; });
  if (pads_anything && counts_padding && has_zero_point(*arguments.value(0))) {
    // oneDNN pads with the integer 0.
    throw NotLowerable{"it counts its padding, and its input has a zero point"};
  }
  return {OpKind::AvgPool,
          {arguments.value(0)},
          {{Attr::kernel, kernel},
           {Attr::strides, pool_strides(arguments, kernel)},
           {Attr::pads_begin, pads},
           {Attr::pads_end, pads},
           {Attr::exclude_pad, !counts_padding},
           {Attr::rounding_type, std::string("floor")},
           {Attr::data_format, std::string("NCX")}}};
}

LoweredOp refuse_fused_attention(const NodeArguments& /*arguments*/) {
  throw NotLowerable{
      "it is PyTorch's fused attention, in fp32; convert the eager module instead, or trace it "
      "with "
      "torch.backends.mha.set_fastpath_enabled(False)"};
}

LoweredOp lower_cat(const NodeArguments& arguments) {
  return {OpKind::Concat, arguments.list(0), {{Attr::axis, arguments.integer(1)}}};
}

LoweredOp lower_quantize(const NodeArguments& arguments) {
  return {OpKind::Quantize,
          {arguments.value(0)},
          per_tensor(arguments.number(1), arguments.integer(2))};
}

LoweredOp lower_dequantize(const NodeArguments& arguments) {
  return {OpKind::Dequantize,
          {arguments.value(0)},
          per_tensor(arguments.number(1), arguments.integer(2))};
}

LoweredOp lower_constant_dequantize(const NodeArguments& arguments) {
  const auto weight = constant_tensor(arguments.value(0));
  if (!weight || !weight->is_quantized()) throw NotLowerable{"its operand is not a constant"};
  if (weight->qscheme() == at::kPerTensorAffine) {
    return {OpKind::Dequantize,
            {arguments.value(0)},
            per_tensor(weight->q_scale(), weight->q_zero_point())};
  }
  const at::Tensor scales = weight->q_per_channel_scales().to(at::kFloat).contiguous();
  const at::Tensor zero_points = weight->q_per_channel_zero_points().to(at::kLong).contiguous();
  const float* s = scales.const_data_ptr<float>();
  const int64_t* z = zero_points.const_data_ptr<int64_t>();
  return {OpKind::Dequantize,
          {arguments.value(0)},
          {{Attr::qtype, std::string("per_channel")},
           {Attr::axis, weight->q_per_channel_axis()},
           {Attr::scales, std::vector<float>(s, s + scales.numel())},
           {Attr::zps, Integers(z, z + zero_points.numel())}}};
}

}  // namespace int8graph
