/// What each row of the operator table becomes in oneDNN Graph, or why it does not.

#include "ops/lowering.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>

#include <sstream>

#include "ops/operator_table.h"
#include "testing/ir.h"

namespace int8graph {
namespace {

const char* name_of(OpKind kind) {
#define INT8GRAPH_CASE(name) \
  case OpKind::name:         \
    return #name;
  switch (kind) { INT8GRAPH_OP_KINDS(INT8GRAPH_CASE) }
#undef INT8GRAPH_CASE
  return "?";
}

const char* name_of(Attr attr) {
#define INT8GRAPH_CASE(name) \
  case Attr::name:           \
    return #name;
  switch (attr) { INT8GRAPH_OP_ATTRS(INT8GRAPH_CASE) }
#undef INT8GRAPH_CASE
  return "?";
}

template <typename T>
void write(std::ostream& out, const T& value) {
  out << value;
}
void write(std::ostream& out, bool value) {
  out << (value ? "yes" : "no");
}
template <typename T>
void write(std::ostream& out, const std::vector<T>& values) {
  for (size_t i = 0; i < values.size(); ++i) out << (i == 0 ? "" : ",") << values[i];
}

/// "MatMul(x, w, b) transpose_b=yes", or the reason.
std::string text_of(const Lowering& lowering) {
  if (const auto* reason = std::get_if<Reason>(&lowering)) return reason->text;
  const auto& op = std::get<LoweredOp>(lowering);
  std::ostringstream text;
  text << name_of(op.kind) << "(";
  for (size_t i = 0; i < op.inputs.size(); ++i) {
    text << (i == 0 ? "" : ", ") << op.inputs[i]->debugName();
  }
  text << ")";
  for (const auto& [attr, value] : op.attrs) {
    if (attr == Attr::data_format || attr == Attr::weights_format) continue;
    text << " " << name_of(attr) << "=";
    std::visit([&](const auto& v) { write(text, v); }, value);
  }
  return text.str();
}

/// The one node that has output %r, among constants and inputs that rows speak of.
std::string lowered(const std::string& node, const at::Tensor& weight = at::ones({4, 4, 3, 3})) {
  const auto graph = ir(R"IR(
graph(%x : Tensor, %y : Tensor, %b : Tensor, %n : int, %wt : Tensor):
  %none : NoneType = prim::Constant()
  %yes : bool = prim::Constant[value=1]()
  %no : bool = prim::Constant[value=0]()
  %i0 : int = prim::Constant[value=0]()
  %i1 : int = prim::Constant[value=1]()
  %i2 : int = prim::Constant[value=2]()
  %i13 : int = prim::Constant[value=13]()
  %half : float = prim::Constant[value=0.5]()
  %f1 : float = prim::Constant[value=1.]()
  %same : str = prim::Constant[value="same"]()
  %valid : str = prim::Constant[value="valid"]()
  %nil : int[] = prim::Constant[value=annotate(List[int], [])]()
  %l0 : int[] = prim::Constant[value=[0]]()
  %l1 : int[] = prim::Constant[value=[1]]()
  %l00 : int[] = prim::Constant[value=[0, 0]]()
  %l11 : int[] = prim::Constant[value=[1, 1]]()
  %l12 : int[] = prim::Constant[value=[1, 2]]()
  %l21 : int[] = prim::Constant[value=[2, 1]]()
  %l33 : int[] = prim::Constant[value=[3, 3]]()
  %l333 : int[] = prim::Constant[value=[3, 3, 3]]()
  %w : Tensor = aten::dequantize(%wt)
  %list : Tensor[] = prim::ListConstruct(%x, %y)
  %open : int[] = prim::ListConstruct(%i1, %n)
  %r : Tensor = )IR" + node +
                            R"IR(
  return (%r))IR",
                        {{"wt", weight}});
  torch::jit::Node* target = graph->outputs()[0]->node();
  for (torch::jit::Node* producer : graph->nodes()) {
    if (producer->kind() == c10::aten::dequantize && producer != target) {
      producer->output()->setDebugName("w");
    }
  }
  return text_of(lower_node(*target));
}

// --- Compute ---

TEST(Lowering, Convolution) {
  EXPECT_EQ(lowered("aten::conv2d(%x, %w, %b, %l21, %l11, %l12, %i2)"),
            "Convolution(x, w, b) strides=2,1 pads_begin=1,1 pads_end=1,1 dilations=1,2 groups=2");
}

TEST(Lowering, ConvolutionWithoutBiasAndWithOneNumberForAllDimensions) {
  EXPECT_EQ(lowered("aten::conv2d(%x, %w, %none, %l1, %l0, %l1, %i1)"),
            "Convolution(x, w) strides=1,1 pads_begin=0,0 pads_end=0,0 dilations=1,1 groups=1");
}

TEST(Lowering, ConvolutionPaddedToTheSameSizePadsTheEndMore) {
  EXPECT_EQ(lowered("aten::conv2d(%x, %w, %b, %l11, %same, %l11, %i1)", at::ones({4, 4, 2, 5})),
            "Convolution(x, w, b) strides=1,1 pads_begin=0,2 pads_end=1,2 dilations=1,1 groups=1");
  EXPECT_EQ(lowered("aten::conv2d(%x, %w, %b, %l11, %same, %l12, %i1)", at::ones({4, 4, 2, 4})),
            "Convolution(x, w, b) strides=1,1 pads_begin=0,3 pads_end=1,3 dilations=1,2 groups=1");
  EXPECT_EQ(lowered("aten::conv2d(%x, %w, %b, %l11, %valid, %l11, %i1)"),
            "Convolution(x, w, b) strides=1,1 pads_begin=0,0 pads_end=0,0 dilations=1,1 groups=1");
}

TEST(Lowering, ConvolutionNeedsConstants) {
  EXPECT_EQ(lowered("aten::conv2d(%x, %y, %b, %l11, %l11, %l11, %i1)"),
            "its weight is not a constant");
  EXPECT_EQ(lowered("aten::conv2d(%x, %w, %b, %open, %l11, %l11, %i1)"),
            "argument 3 is not a list of constant ints");
  EXPECT_EQ(lowered("aten::conv2d(%x, %w, %b, %l333, %l11, %l11, %i1)"),
            "argument 3 has 3 elements, not 2");
}

TEST(Lowering, TransposedConvolution) {
  EXPECT_EQ(lowered("aten::conv_transpose2d(%x, %w, %b, %l21, %l11, %l00, %i2, %l12)"),
            "ConvTranspose(x, w, b) strides=2,1 pads_begin=1,1 pads_end=1,1 output_padding=0,0 "
            "groups=2 dilations=1,2");
}

TEST(Lowering, LinearAndMatMul) {
  EXPECT_EQ(lowered("aten::linear(%x, %w, %b)"), "MatMul(x, w, b) transpose_b=yes");
  EXPECT_EQ(lowered("aten::linear(%x, %w, %none)"), "MatMul(x, w) transpose_b=yes");
  EXPECT_EQ(lowered("aten::matmul(%x, %y)"), "MatMul(x, y)");
  EXPECT_EQ(lowered("aten::bmm(%x, %y)"), "MatMul(x, y)");
}

// --- Element-wise ---

TEST(Lowering, BinaryOperators) {
  EXPECT_EQ(lowered("aten::add(%x, %y, %i1)"), "Add(x, y)");
  EXPECT_EQ(lowered("aten::add(%x, %y, %i2)"), "alpha is not 1");
  EXPECT_EQ(lowered("aten::mul(%x, %y)"), "Multiply(x, y)");
  EXPECT_EQ(lowered("aten::mul(%x, %half)"), "argument 1 is not a tensor");
  EXPECT_EQ(lowered("aten::div(%x, %y)"), "Divide(x, y)");
  EXPECT_EQ(lowered("aten::maximum(%x, %y)"), "Maximum(x, y)");
  EXPECT_EQ(lowered("aten::minimum(%x, %y)"), "Minimum(x, y)");
}

struct Unary {
  const char* node;
  const char* expected;
};

class UnaryLowering : public testing::TestWithParam<Unary> {};

TEST_P(UnaryLowering, HasThisForm) {
  EXPECT_EQ(lowered(GetParam().node), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    Lowering, UnaryLowering,
    testing::Values(
        Unary{"aten::relu(%x)", "ReLU(x)"}, Unary{"aten::sigmoid(%x)", "Sigmoid(x)"},
        Unary{"aten::tanh(%x)", "Tanh(x)"}, Unary{"aten::abs(%x)", "Abs(x)"},
        Unary{"aten::square(%x)", "Square(x)"}, Unary{"aten::sqrt(%x)", "Sqrt(x)"},
        Unary{"aten::exp(%x)", "Exp(x)"}, Unary{"aten::log(%x)", "Log(x)"},
        Unary{"aten::round(%x)", "Round(x)"}, Unary{"aten::mish(%x)", "Mish(x)"},
        Unary{"aten::hardswish(%x)", "HardSwish(x)"},
        Unary{"aten::relu6(%x)", "Clamp(x) min=0 max=6"},
        Unary{"aten::hardtanh(%x, %half, %f1)", "Clamp(x) min=0.5 max=1"},
        Unary{"aten::clamp(%x, %i1, %i2)", "Clamp(x) min=1 max=2"},
        Unary{"aten::clamp(%x, %none, %i2)", "Clamp(x) min=-inf max=2"},
        Unary{"aten::clamp(%x, %i1, %none)", "Clamp(x) min=1 max=inf"},
        Unary{"aten::leaky_relu(%x, %half)", "LeakyReLU(x) alpha=0.5"},
        Unary{"aten::elu(%x, %half, %i1, %i1)", "Elu(x) alpha=0.5"},
        Unary{"aten::elu(%x, %half, %i2, %i1)", "scale or input_scale is not 1"},
        Unary{"aten::elu(%x, %half, %i1, %half)", "scale or input_scale is not 1"},
        Unary{"aten::hardsigmoid(%x)", "HardSigmoid(x) alpha=0.166667 beta=0.5"},
        Unary{"aten::pow(%x, %i2)", "Square(x)"}, Unary{"aten::pow(%x, %half)", "Sqrt(x)"},
        Unary{"aten::pow(%x, %i1)", "oneDNN Graph fuses no powers but squares and square roots"},
        Unary{"aten::clamp_min(%x, %half)", "Clamp(x) min=0.5 max=inf"},
        Unary{"aten::clamp_max(%x, %half)", "Clamp(x) min=-inf max=0.5"},
        Unary{"aten::max(%x, %y)", "Maximum(x, y)"}, Unary{"aten::min(%x, %y)", "Minimum(x, y)"},
        Unary{"aten::max(%x)", "it is a reduction"},
        Unary{"aten::sub(%x, %y, %i1)", "Subtract(x, y)"},
        Unary{"aten::sub(%x, %y, %i2)", "alpha is not 1"},
        Unary{"aten::pow(%x, %y)", "its exponent is a tensor"},
        Unary{"aten::prelu(%x, %y)", "PReLU(x, y)"}));

TEST(Lowering, SoftmaxThatConvertsStaysWithPyTorch) {
  EXPECT_EQ(lowered("aten::softmax(%x, %i1, %none)"), "SoftMax(x) axis=1");
  EXPECT_EQ(lowered("aten::log_softmax(%x, %i1, %none)"), "LogSoftmax(x) axis=1");
  EXPECT_EQ(lowered("aten::softmax(%x, %n, %none)"), "argument 1 is not a constant");
}

// --- Norms ---

TEST(Lowering, LayerNormHasBothAffineTensorsOrNone) {
  EXPECT_EQ(lowered("aten::layer_norm(%x, %l33, %y, %b, %half, %no)"),
            "LayerNorm(x, y, b) keep_stats=no begin_norm_axis=-2 use_affine=yes epsilon=0.5");
  EXPECT_EQ(lowered("aten::layer_norm(%x, %l1, %none, %none, %half, %no)"),
            "LayerNorm(x) keep_stats=no begin_norm_axis=-1 use_affine=no epsilon=0.5");
  EXPECT_EQ(lowered("aten::layer_norm(%x, %l1, %y, %none, %half, %no)"),
            "it has a weight or a bias, but not both");
}

TEST(Lowering, BatchNormInTrainingStaysWithPyTorch) {
  EXPECT_EQ(lowered("aten::batch_norm(%x, %y, %b, %y, %b, %no, %half, %half, %no)"),
            "BatchNormInference(x, y, b, y, b) epsilon=0.5");
  EXPECT_EQ(lowered("aten::batch_norm(%x, %y, %b, %y, %b, %yes, %half, %half, %no)"),
            "it is in training mode");
}

// --- Pools and joins ---

TEST(Lowering, MaxPool) {
  EXPECT_EQ(lowered("aten::max_pool2d(%x, %l33, %l21, %l11, %l12, %no)"),
            "MaxPool(x) kernel=3,3 strides=2,1 pads_begin=1,1 pads_end=1,1 dilations=1,2 "
            "rounding_type=floor");
  EXPECT_EQ(lowered("aten::max_pool2d(%x, %l33, %nil, %l0, %l1, %yes)"),
            "MaxPool(x) kernel=3,3 strides=3,3 pads_begin=0,0 pads_end=0,0 dilations=1,1 "
            "rounding_type=ceil");
}

TEST(Lowering, AvgPool) {
  EXPECT_EQ(lowered("aten::avg_pool2d(%x, %l33, %nil, %l0, %no, %yes, %none)"),
            "AvgPool(x) kernel=3,3 strides=3,3 pads_begin=0,0 pads_end=0,0 exclude_pad=no "
            "rounding_type=floor");
  EXPECT_EQ(lowered("aten::avg_pool2d(%x, %l33, %l21, %l11, %no, %no, %none)"),
            "AvgPool(x) kernel=3,3 strides=2,1 pads_begin=1,1 pads_end=1,1 exclude_pad=yes "
            "rounding_type=floor");
  EXPECT_EQ(lowered("aten::avg_pool2d(%x, %l33, %nil, %l0, %yes, %yes, %none)"),
            "ceil_mode is set");
  EXPECT_EQ(lowered("aten::avg_pool2d(%x, %l33, %nil, %l0, %no, %yes, %i2)"),
            "divisor_override is set");
}

TEST(Lowering, CatNeedsItsListBesideIt) {
  EXPECT_EQ(lowered("aten::cat(%list, %i1)"), "Concat(x, y) axis=1");
  EXPECT_EQ(lowered("aten::cat(%list, %n)"), "argument 1 is not a constant");
}

TEST(Lowering, FusedAttentionSaysWhatToDo) {
  EXPECT_NE(lowered("aten::_native_multi_head_attention(%x)").find("set_fastpath_enabled(False)"),
            std::string::npos);
}

// --- Quantizers ---

TEST(Lowering, QuantizersOfActivations) {
  EXPECT_EQ(lowered("aten::quantize_per_tensor(%x, %half, %i2, %i13)"),
            "Quantize(x) qtype=per_tensor scales=0.5 zps=2");
  EXPECT_EQ(lowered("int8graph::dequantize(%x, %half, %i2, %i13)"),
            "Dequantize(x) qtype=per_tensor scales=0.5 zps=2");
  EXPECT_EQ(lowered("aten::dequantize(%x)"), "its operand is not a constant");
}

TEST(Lowering, QuantizersOfWeights) {
  const auto per_tensor = at::quantize_per_tensor(at::ones({2, 2}), 0.25, 0, at::kQInt8);
  const auto weight_of = [](const at::Tensor& weight) {
    const std::string text = lowered("aten::dequantize(%wt)", weight);
    return text.substr(text.find(')'));  // the constant has a number for a name
  };
  EXPECT_EQ(weight_of(per_tensor), ") qtype=per_tensor scales=0.25 zps=0");
  const auto per_channel = at::quantize_per_channel(
      at::ones({2, 3}), at::full({3}, 0.5, at::kDouble), at::zeros({3}, at::kLong), 1, at::kQInt8);
  EXPECT_EQ(weight_of(per_channel), ") qtype=per_channel axis=1 scales=0.5,0.5,0.5 zps=0,0,0");
}

}  // namespace
}  // namespace int8graph
