#include "ops/operator_table.h"

#include <ATen/core/Tensor.h>
#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>
#include <array>
#include <string>
#include <unordered_map>

#include "ops/lowering.h"

namespace int8graph {

namespace {

using enum OpClass;

constexpr WeightArgument kFirstAxis{.argument = 1, .channel_axis = 0};
constexpr WeightArgument kSecondAxis{.argument = 1, .channel_axis = 1};

// name, class, symbols, activations, weight, lowering, training argument
const std::vector<Operator>& rows() {
  static const std::vector<Operator> table = {
      // int8 compute
      {"conv1d", Conv, {"aten::conv1d"}, {0}, kFirstAxis, lower_convolution},
      {"conv2d", Conv, {"aten::conv2d"}, {0}, kFirstAxis, lower_convolution},
      {"conv3d", Conv, {"aten::conv3d"}, {0}, kFirstAxis, lower_convolution},
      {"conv_transpose1d",
       Conv,
       {"aten::conv_transpose1d"},
       {0},
       kSecondAxis,
       lower_conv_transpose},
      {"conv_transpose2d",
       Conv,
       {"aten::conv_transpose2d"},
       {0},
       kSecondAxis,
       lower_conv_transpose},
      {"conv_transpose3d",
       Conv,
       {"aten::conv_transpose3d"},
       {0},
       kSecondAxis,
       lower_conv_transpose},
      {"linear", Linear, {"aten::linear"}, {0}, kFirstAxis, lower_linear},
      {"matmul", MatMul, {"aten::matmul"}, {0, 1}, {}, lower_matmul},
      {"bmm", MatMul, {"aten::bmm"}, {0, 1}, {}, lower_matmul},
      // quantize/attention.cpp writes it as two matmuls around a softmax.
      {"scaled_dot_product_attention",
       MatMul,
       {"aten::scaled_dot_product_attention"},
       {0, 1, 2},
       {},
       nullptr},

      // sums and what else fuses behind compute
      {"add", Add, {"aten::add", "aten::add_"}, {0, 1}, {}, lower_add},
      {"sub", Elementwise, {"aten::sub", "aten::sub_"}, {0, 1}, {}, lower_sub},
      {"mul", Elementwise, {"aten::mul", "aten::mul_"}, {0, 1}, {}, lower_binary<OpKind::Multiply>},
      {"div", Elementwise, {"aten::div", "aten::div_"}, {0, 1}, {}, lower_div},
      {"maximum", Elementwise, {"aten::maximum"}, {0, 1}, {}, lower_binary<OpKind::Maximum>},
      {"minimum", Elementwise, {"aten::minimum"}, {0, 1}, {}, lower_binary<OpKind::Minimum>},
      // Of two tensors; with a dimension they are reductions, which stay with PyTorch.
      {"max", Other, {"aten::max"}, {0}, {}, lower_either<OpKind::Maximum>},
      {"min", Other, {"aten::min"}, {0}, {}, lower_either<OpKind::Minimum>},
      {"relu", Elementwise, {"aten::relu", "aten::relu_"}, {0}, {}, lower_unary<OpKind::ReLU>},
      {"relu6", Elementwise, {"aten::relu6", "aten::relu6_"}, {0}, {}, lower_relu6},
      {"hardtanh", Elementwise, {"aten::hardtanh", "aten::hardtanh_"}, {0}, {}, lower_clamp},
      {"clamp", Elementwise, {"aten::clamp", "aten::clamp_"}, {0}, {}, lower_clamp},
      {"clamp_min", Other, {"aten::clamp_min", "aten::clamp_min_"}, {0}, {}, lower_clamp_min},
      {"clamp_max", Other, {"aten::clamp_max", "aten::clamp_max_"}, {0}, {}, lower_clamp_max},
      {"leaky_relu",
       Elementwise,
       {"aten::leaky_relu", "aten::leaky_relu_"},
       {0},
       {},
       lower_leaky_relu},
      {"elu", Elementwise, {"aten::elu", "aten::elu_"}, {0}, {}, lower_elu},
      {"prelu", Elementwise, {"aten::prelu"}, {0}, {}, lower_prelu},
      {"sigmoid",
       Elementwise,
       {"aten::sigmoid", "aten::sigmoid_"},
       {0},
       {},
       lower_unary<OpKind::Sigmoid>},
      // silu has no oneDNN Graph form of its own: passes/decompose.cpp writes it as x * sigmoid(x).
      {"silu", Elementwise, {"aten::silu", "aten::silu_"}, {0}, {}, nullptr},
      {"hardsigmoid",
       Elementwise,
       {"aten::hardsigmoid", "aten::hardsigmoid_"},
       {0},
       {},
       lower_hardsigmoid},
      {"hardswish",
       Elementwise,
       {"aten::hardswish", "aten::hardswish_"},
       {0},
       {},
       lower_unary<OpKind::HardSwish>},
      {"gelu", Elementwise, {"aten::gelu", "aten::gelu_"}, {0}, {}, lower_gelu},
      {"mish", Elementwise, {"aten::mish", "aten::mish_"}, {0}, {}, lower_unary<OpKind::Mish>},
      {"softplus", Elementwise, {"aten::softplus"}, {0}, {}, lower_softplus},
      {"tanh", Elementwise, {"aten::tanh", "aten::tanh_"}, {0}, {}, lower_unary<OpKind::Tanh>},
      {"abs", Elementwise, {"aten::abs", "aten::abs_"}, {0}, {}, lower_unary<OpKind::Abs>},
      {"square",
       Elementwise,
       {"aten::square", "aten::square_"},
       {0},
       {},
       lower_unary<OpKind::Square>},
      {"pow", Elementwise, {"aten::pow", "aten::pow_"}, {0}, {}, lower_pow},
      {"sqrt", Elementwise, {"aten::sqrt", "aten::sqrt_"}, {0}, {}, lower_unary<OpKind::Sqrt>},
      {"rsqrt", Other, {"aten::rsqrt", "aten::rsqrt_"}, {0}, {}, nullptr},
      {"exp", Elementwise, {"aten::exp", "aten::exp_"}, {0}, {}, lower_unary<OpKind::Exp>},
      {"log", Elementwise, {"aten::log", "aten::log_"}, {0}, {}, lower_unary<OpKind::Log>},
      {"round", Elementwise, {"aten::round", "aten::round_"}, {0}, {}, lower_unary<OpKind::Round>},
      {"batch_norm", Norm, {"aten::batch_norm"}, {0}, {}, lower_batch_norm, 5},

      // int8 in, int8 out
      {"max_pool1d", Pool, {"aten::max_pool1d"}, {0}, {}, lower_max_pool},
      {"max_pool2d", Pool, {"aten::max_pool2d"}, {0}, {}, lower_max_pool},
      {"max_pool3d", Pool, {"aten::max_pool3d"}, {0}, {}, lower_max_pool},
      {"avg_pool1d", Pool, {"aten::avg_pool1d"}, {0}, {}, lower_avg_pool},
      {"avg_pool2d", Pool, {"aten::avg_pool2d"}, {0}, {}, lower_avg_pool},
      {"avg_pool3d", Pool, {"aten::avg_pool3d"}, {0}, {}, lower_avg_pool},
      {"cat", Concat, {"aten::cat", "aten::concat"}, {0}, {}, lower_cat},

      // int8 in, fp32 out, by operators of our own, as oneDNN Graph has neither windows that depend
      // on the input's size nor tables. See passes/int8_average.h and passes/int8_lookup.h.
      {"adaptive_avg_pool1d",
       Average,
       {"aten::adaptive_avg_pool1d", "int8graph::adaptive_avg_pool1d"},
       {0},
       {},
       nullptr},
      {"adaptive_avg_pool2d",
       Average,
       {"aten::adaptive_avg_pool2d", "int8graph::adaptive_avg_pool2d"},
       {0},
       {},
       nullptr},
      {"adaptive_avg_pool3d",
       Average,
       {"aten::adaptive_avg_pool3d", "int8graph::adaptive_avg_pool3d"},
       {0},
       {},
       nullptr},
      {"embedding",
       Lookup,
       {"aten::embedding", "int8graph::embedding"},
       {},
       WeightArgument{0, 0},
       nullptr},
      {"embedding_bag",
       Lookup,
       {"aten::embedding_bag", "int8graph::embedding_bag"},
       {},
       WeightArgument{0, 0},
       nullptr},

      // views: int8 passes through untouched, PyTorch does them without computing anything
      {"flatten", Shape, {"aten::flatten"}, {0}, {}, nullptr},
      {"view",
       View,
       {"aten::view", "aten::reshape", "aten::view_as", "aten::reshape_as"},
       {0},
       {},
       nullptr},
      {"permute",
       View,
       {"aten::permute", "aten::transpose", "aten::t", "aten::movedim"},
       {0},
       {},
       nullptr},
      {"squeeze", View, {"aten::squeeze", "aten::unsqueeze"}, {0}, {}, nullptr},
      {"expand", View, {"aten::expand", "aten::expand_as"}, {0}, {}, nullptr},
      {"slice", Part, {"aten::slice", "aten::select", "aten::narrow"}, {0}, {}, nullptr},
      // PyTorch's executor writes chunk in the prim form; a list is unpacked right behind the
      // others.
      {"split",
       Part,
       {"aten::split", "aten::split_with_sizes", "aten::chunk", "prim::ConstantChunk",
        "aten::unbind"},
       {0},
       {},
       nullptr},
      {"contiguous", View, {"aten::contiguous", "aten::detach"}, {0}, {}, nullptr},
      {"upsample_nearest", View, {"aten::upsample_nearest2d"}, {0}, {}, nullptr},

      // neither recorded nor quantized
      {"dropout",
       Other,
       {"aten::dropout", "aten::dropout_", "aten::feature_dropout"},
       {0},
       {},
       nullptr,
       2},
      {"mean", Other, {"aten::mean"}, {0}, {}, nullptr},
      {"adaptive_max_pool",
       Other,
       {"aten::adaptive_max_pool1d", "aten::adaptive_max_pool2d", "aten::adaptive_max_pool3d"},
       {0},
       {},
       nullptr},
      {"addcmul", Other, {"aten::addcmul"}, {1}, {}, nullptr},  // see passes/lone_norms.h
      {"upsample",
       Other,
       {"aten::upsample_linear1d", "aten::upsample_bilinear2d", "aten::upsample_bicubic2d",
        "aten::upsample_trilinear3d", "aten::upsample_nearest1d", "aten::upsample_nearest3d"},
       {0},
       {},
       nullptr},
      // passes/decompose.cpp writes what it can of these as operators that fuse.
      {"rsub", Other, {"aten::rsub"}, {0, 1}, {}, nullptr},
      {"neg", Other, {"aten::neg", "aten::neg_"}, {0}, {}, nullptr},
      {"where", Other, {"aten::where"}, {1, 2}, {}, nullptr},
      {"masked_fill", Other, {"aten::masked_fill", "aten::masked_fill_"}, {0}, {}, nullptr},
      {"layer_norm", Other, {"aten::layer_norm"}, {0}, {}, lower_layer_norm},
      {"quantized_layer_norm",  // see passes/quantized_norms.h
       Other,
       {"int8graph::quantized_layer_norm", "int8graph::layer_norm_and_quantized"},
       {0},
       {},
       nullptr},
      {"group_norm", Other, {"aten::group_norm"}, {0}, {}, nullptr},
      {"softmax", Other, {"aten::softmax"}, {0}, {}, lower_softmax},
      {"log_softmax", Other, {"aten::log_softmax"}, {0}, {}, lower_log_softmax},
      {"fused_attention",
       Other,
       {"aten::_native_multi_head_attention", "aten::_transformer_encoder_layer_fwd"},
       {0},
       {},
       refuse_fused_attention},

      // the quantizers; weights are dequantized by aten, activations by the explicit form
      {"quantize",
       Quantizer,
       {"aten::quantize_per_tensor", "int8graph::quantize_channels_last"},
       {0},
       {},
       lower_quantize},
      {"dequantize", Quantizer, {"int8graph::dequantize"}, {0}, {}, lower_dequantize},
      {"dequantize_weight", Quantizer, {"aten::dequantize"}, {0}, {}, lower_constant_dequantize},
  };
  return table;
}

using RowsByText = std::unordered_map<std::string_view, const Operator*>;

const Operator* find(const RowsByText& index, std::string_view text) {
  const auto found = index.find(text);
  return found == index.end() ? nullptr : found->second;
}

/// What tracing writes for every convolution; is_generic_convolution() tells of them.
constexpr std::array<std::string_view, 2> kGenericConvolutions = {"aten::_convolution",
                                                                  "aten::convolution"};

void refuse_foreign_dtype(const torch::jit::Value& input) {
  const auto constant = constant_tensor(&input);
  if (!constant) return;
  switch (constant->scalar_type()) {
    case c10::kFloat:
    case c10::kBFloat16:
    case c10::kQInt8:
    case c10::kQUInt8:
      return;
    default:
      throw NotLowerable{std::string("it reads a constant of dtype ") +
                         c10::toString(constant->scalar_type())};
  }
}

}  // namespace

bool Operator::keeps_parameters() const {
  return moves_elements() || lower == lower_max_pool;
}

size_t Operator::spatial_dimensions() const {
  const size_t digit = name.find_first_of("123");
  return digit == std::string_view::npos ? 0 : static_cast<size_t>(name[digit] - '0');
}

std::span<const Operator> operator_table() {
  return rows();
}

const Operator* find_operator(std::string_view symbol) {
  static const RowsByText index = [] {
    RowsByText result;
    for (const Operator& row : rows()) {
      for (const auto row_symbol : row.symbols) result.emplace(row_symbol, &row);
    }
    return result;
  }();
  return find(index, symbol);
}

const Operator* find_operator_by_name(std::string_view name) {
  static const RowsByText index = [] {
    RowsByText result;
    for (const Operator& row : rows()) result.emplace(row.name, &row);
    return result;
  }();
  return find(index, name);
}

bool is_generic_convolution(std::string_view symbol) {
  return symbol == kGenericConvolutions[0] || symbol == kGenericConvolutions[1];
}

bool is_addmm(std::string_view symbol) {
  return symbol == "aten::addmm";
}

const Operator* find_convolution(int64_t weight_rank, bool transposed) {
  if (weight_rank < 3 || weight_rank > 5) return nullptr;
  const std::string prefix = transposed ? "conv_transpose" : "conv";
  return find_operator_by_name(prefix + std::to_string(weight_rank - 2) + "d");
}

namespace {

/// aten::view(x, dtype) reads the bytes of x as other numbers.
bool reinterprets_bytes(const torch::jit::Node& node) {
  return node.kind() == c10::aten::view && node.inputs().size() == 2 &&
         !node.input(1)->type()->isSubtypeOf(*c10::ListType::ofInts());
}

}  // namespace

const Operator* find_operator(const torch::jit::Node& node) {
  if (reinterprets_bytes(node) || reads_reduced_float(node)) return nullptr;
  return find_operator(node.kind().toQualString());
}

std::optional<c10::ScalarType> reduced_float(const torch::jit::Value& value) {
  const auto type = value.type()->cast<c10::TensorType>();
  const auto dtype = type ? type->scalarType() : std::nullopt;
  return dtype && c10::isReducedFloatingType(*dtype) ? dtype : std::nullopt;
}

bool reads_reduced_float(const torch::jit::Node& node) {
  return std::ranges::any_of(node.inputs(), [](const torch::jit::Value* input) {
    return input->node()->kind() != c10::prim::Constant && reduced_float(*input);
  });
}

bool moves_elements(const torch::jit::Node& node) {
  const Operator* row = find_operator(node);
  return row != nullptr && row->moves_elements();
}

bool moves_all_elements(const torch::jit::Node& node) {
  const Operator* row = find_operator(node);
  return row != nullptr && row->moves_elements() && row->op_class != OpClass::Part;
}

Lowering lower_node(torch::jit::Node& node) {
  const Operator* row = find_operator(node);
  if (row == nullptr) {
    return Reason{reads_reduced_float(node) ? "it computes in bfloat16 or float16"
                                            : "the operator table has no row for it"};
  }
  if (row->lower == nullptr) return Reason{"oneDNN Graph has no form for it"};
  try {
    LoweredOp lowered = row->lower(NodeArguments(node));
    for (const torch::jit::Value* input : lowered.inputs) refuse_foreign_dtype(*input);
    return lowered;
  } catch (const NotLowerable& error) {
    return Reason{error.reason};
  }
}

}  // namespace int8graph
