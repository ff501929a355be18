/// What is fused: the exact partitions of small models, and their numbers against the artifact that
/// PyTorch's own operators run. One row for each operator and each pattern.

#include <gtest/gtest.h>

#include <string>

#include "testing/fused_graphs.h"
#include "testing/small_models.h"

namespace int8graph {
namespace {

std::string with(std::string text, const std::string& argument) {
  constexpr std::string_view kHole = "{}";
  for (size_t at = text.find(kHole); at != std::string::npos; at = text.find(kHole, at)) {
    text.replace(at, kHole.size(), argument);
    at += argument.size();
  }
  return text;
}

// --- Compute operators, with what fuses behind them -----------------------------------------

struct Layer {
  const char* name;   // of the test
  const char* call;   // in the model
  int64_t rank;       // of its input
  const char* exact;  // the layer that makes an int8 tail visible
  const char* fused;  // operators in the partition
  const char* exact_fused;
};

const Layer kConv1d = {"conv1d", "self.conv1d({})", 3, "self.exact_conv1d({})", "conv1d", "conv1d"};
const Layer kConv2d = {"conv2d", "self.conv2d({})", 4, "self.exact_conv2d({})", "conv2d", "conv2d"};
const Layer kConv3d = {"conv3d", "self.conv3d({})", 5, "self.exact_conv3d({})", "conv3d", "conv3d"};
const Layer kLinear = {"linear", "self.linear({})", 2, "self.exact_linear({})", "linear", "linear"};

const Layer kConv2dNoBias = {
    "conv2d_no_bias", "self.conv2d_no_bias({})", 4, "self.exact_conv2d({})", "conv2d", "conv2d"};
const Layer kConvTranspose2d = {"conv_transpose2d",      "self.conv_transpose2d({})", 4,
                                "self.exact_conv2d({})", "conv_transpose2d",          "conv2d"};
const Layer kLinearNoBias = {
    "linear_no_bias", "self.linear_no_bias({})", 2, "self.exact_linear({})", "linear", "linear"};

/// Whether a clamp at the end of a tail stays where a quantizer follows, or repeats what that does.
enum class Clamp { Stays, IsLeftToTheQuantizer };

struct Tail {
  const char* name;
  const char* call;
  const char* fused;  // as it follows the layer
  Clamp clamp = Clamp::Stays;
};

void PrintTo(const Layer& layer, std::ostream* out) {
  *out << layer.call;
}
void PrintTo(const Tail& tail, std::ostream* out) {
  *out << tail.call;
}

class BehindALayer : public testing::TestWithParam<std::tuple<Layer, Tail>> {
 protected:
  std::string body() const {
    const auto& [layer, tail] = GetParam();
    return with(tail.call, with(layer.call, "x"));
  }
  std::string partition() const {
    const auto& [layer, tail] = GetParam();
    return std::string("dequantize+") + layer.fused + tail.fused;
  }
  /// The partition before a quantizer of uint8.
  std::string quantizing_partition() const {
    const std::string whole = partition();
    const bool stays = std::get<1>(GetParam()).clamp == Clamp::Stays;
    return (stays ? whole : whole.substr(0, whole.rfind('+'))) + "+quantize";
  }
  at::Tensor input() const { return small_input(std::get<0>(GetParam()).rank); }
};

TEST_P(BehindALayer, IsOnePartitionFromInt8ToFp32) {
  const auto result = convert_and_run(small_model("return " + body()), {input()});
  EXPECT_EQ(result.summary, "quantize | " + partition());
  expect_right_numbers(result, result.quantum_of_output());
}

TEST_P(BehindALayer, IsOnePartitionFromInt8ToInt8) {
  const Layer& layer = std::get<0>(GetParam());
  const auto result =
      convert_and_run(small_model("return " + with(layer.exact, body())), {input()});
  EXPECT_EQ(result.summary,
            "quantize | " + quantizing_partition() + " | dequantize+" + layer.exact_fused);
  expect_right_numbers(result, result.quantum_of_last_input());
}

TEST_P(BehindALayer, IsOnePartitionInTheSymmetricScheme) {
  const Layer& layer = std::get<0>(GetParam());
  const auto result = convert_and_run(small_model("return " + with(layer.exact, body())), {input()},
                                      QScheme::PerTensorSymmetric);
  EXPECT_EQ(result.summary,
            "quantize | " + partition() + "+quantize | dequantize+" + layer.exact_fused);
  expect_right_numbers(result, result.quantum_of_last_input());
}

std::string test_name(const testing::TestParamInfo<std::tuple<Layer, Tail>>& info) {
  return std::string(std::get<0>(info.param).name) + "_" + std::get<1>(info.param).name;
}

const Layer kLayers[] = {
    kConv1d,
    kConv2d,
    kConv3d,
    kLinear,
    kConv2dNoBias,
    {"conv2d_strided", "self.conv2d_strided({})", 4, "self.exact_conv2d({})", "conv2d", "conv2d"},
    {"conv2d_dilated", "self.conv2d_dilated({})", 4, "self.exact_conv2d({})", "conv2d", "conv2d"},
    {"conv2d_grouped", "self.conv2d_grouped({})", 4, "self.exact_conv2d({})", "conv2d", "conv2d"},
    {"conv2d_depthwise", "self.conv2d_depthwise({})", 4, "self.exact_conv2d({})", "conv2d",
     "conv2d"},
    {"conv2d_same", "self.conv2d_same({})", 4, "self.exact_conv2d({})", "conv2d", "conv2d"},
    {"conv2d_valid", "self.conv2d_valid({})", 4, "self.exact_conv2d({})", "conv2d", "conv2d"},
    {"conv_transpose1d", "self.conv_transpose1d({})", 3, "self.exact_conv1d({})",
     "conv_transpose1d", "conv1d"},
    kConvTranspose2d,
    {"conv_transpose3d", "self.conv_transpose3d({})", 5, "self.exact_conv3d({})",
     "conv_transpose3d", "conv3d"},
    kLinearNoBias,
};

const Tail kNothing = {"alone", "{}", ""};
const Tail kRound = {"round", "torch.round({})", "+round"};
const Tail kRelu = {"relu", "torch.relu({})", "+relu", Clamp::IsLeftToTheQuantizer};

const Tail kTails[] = {
    {"relu6", "torch.relu6({})", "+relu6", Clamp::IsLeftToTheQuantizer},
    {"hardtanh", "torch.hardtanh({}, -1.5, 2.0)", "+hardtanh", Clamp::IsLeftToTheQuantizer},
    {"clamp", "torch.clamp({}, -1, 2.5)", "+clamp", Clamp::IsLeftToTheQuantizer},
    {"clamp_below", "torch.clamp({}, 0.5)", "+clamp"},
    {"clamp_above", "torch.clamp({}, None, 0.5)", "+clamp", Clamp::IsLeftToTheQuantizer},
    {"leaky_relu", "torch.leaky_relu({}, 0.1)", "+leaky_relu"},
    {"elu", "torch.elu({}, 0.7)", "+elu"},
    {"sigmoid", "torch.sigmoid({})", "+sigmoid"},
    {"silu", "torch.silu({})", "+sigmoid+mul"},
    {"hardsigmoid", "torch.hardsigmoid({})", "+hardsigmoid"},
    {"hardswish", "torch.hardswish({})", "+hardswish"},
    {"gelu", "torch.gelu({})", "+gelu"},
    {"gelu_of_tanh", "torch.gelu({}, approximate='tanh')", "+gelu"},
    {"mish", "torch.mish({})", "+mish"},
    {"tanh", "torch.tanh({})", "+tanh"},
    {"abs", "torch.abs({})", "+abs"},
    {"square", "torch.square({})", "+square"},
    {"pow", "torch.pow({}, 2)", "+pow"},
    {"softplus", "torch.softplus({})", "+softplus"},
    {"sqrt", "torch.sqrt(torch.relu({}))", "+relu+sqrt"},
    {"exp", "torch.exp(torch.clamp({}, -2, 1))", "+clamp+exp"},
    {"log", "torch.log(torch.clamp({}, 0.5, 9))", "+clamp+log"},
    {"dropout_and_relu", "torch.relu(torch.dropout({}, 0.5, False))", "+relu",
     Clamp::IsLeftToTheQuantizer},
    {"clamp_min", "torch.clamp_min({}, 0.5)", "+clamp_min"},
    {"clamp_max", "torch.clamp_max({}, 0.5)", "+clamp_max", Clamp::IsLeftToTheQuantizer},
    {"prelu_of_one_slope", "torch.prelu({}, self.slope)", "+leaky_relu"},
    {"number_subtracted", "torch.relu({}) - 0.5", "+relu+sub"},
    {"subtracted_from_number", "1 - torch.sigmoid({})", "+sigmoid+mul+add"},
    {"rsub", "torch.rsub(torch.sigmoid({}), 1)", "+sigmoid+mul+add"},
    {"neg", "torch.neg(torch.relu({}))", "+relu+mul"},
    {"relu_method", "{}.relu()", "+relu", Clamp::IsLeftToTheQuantizer},
    {"relu_in_place", "torch.relu_({})", "+relu", Clamp::IsLeftToTheQuantizer},
    {"relu6_in_place", "torch.relu6_({})", "+relu6", Clamp::IsLeftToTheQuantizer},
    {"hardtanh_in_place", "torch.hardtanh_({}, 0.0, 6.0)", "+hardtanh",
     Clamp::IsLeftToTheQuantizer},
    {"clamp_in_place", "torch.clamp_({}, 0, 1)", "+clamp", Clamp::IsLeftToTheQuantizer},
    {"leaky_relu_in_place", "torch.leaky_relu_({}, 0.1)", "+leaky_relu"},
    {"elu_in_place", "torch.elu_({})", "+elu"},
    {"sigmoid_in_place", "torch.sigmoid_({})", "+sigmoid"},
    {"silu_in_place", "torch.silu_({})", "+sigmoid+mul"},
    {"hardsigmoid_in_place", "torch.hardsigmoid_({})", "+hardsigmoid"},
    {"hardswish_in_place", "torch.hardswish_({})", "+hardswish"},
    {"gelu_in_place", "torch.gelu_({})", "+gelu"},
    {"mish_in_place", "torch.mish_({})", "+mish"},
    {"tanh_in_place", "torch.tanh_({})", "+tanh"},
    {"abs_in_place", "torch.abs_({})", "+abs"},
    {"square_in_place", "torch.square_({})", "+square"},
};

INSTANTIATE_TEST_SUITE_P(Nothing, BehindALayer,
                         testing::Combine(testing::ValuesIn(kLayers), testing::Values(kNothing)),
                         test_name);
INSTANTIATE_TEST_SUITE_P(Relu, BehindALayer,
                         testing::Combine(testing::ValuesIn(kLayers), testing::Values(kRelu)),
                         test_name);
INSTANTIATE_TEST_SUITE_P(Elementwise, BehindALayer,
                         testing::Combine(testing::Values(kConv2d, kConv2dNoBias, kConvTranspose2d,
                                                          kLinear, kLinearNoBias),
                                          testing::ValuesIn(kTails)),
                         test_name);

// Rounding makes large noise of small; the transposed convolution's is larger to begin with.
INSTANTIATE_TEST_SUITE_P(Round, BehindALayer,
                         testing::Combine(testing::Values(kConv2d, kConv2dNoBias, kLinear,
                                                          kLinearNoBias),
                                          testing::Values(kRound)),
                         test_name);

// --- Patterns of several layers ----------------------------------------------------------------

struct Pattern {
  const char* name;
  int64_t rank;
  const char* body;
  const char* summary;
};

void PrintTo(const Pattern& pattern, std::ostream* out) {
  *out << pattern.body;
}

class Patterns : public testing::TestWithParam<Pattern> {};

TEST_P(Patterns, GiveThesePartitionsAndNumbers) {
  const Pattern& pattern = GetParam();
  const auto result = convert_and_run(small_model(pattern.body), {small_input(pattern.rank)});
  EXPECT_EQ(result.summary, pattern.summary);
  const bool shows_int8 =
      std::string_view(pattern.body).find("return self.exact_") != std::string::npos;
  expect_right_numbers(result,
                       shows_int8 ? result.quantum_of_last_input() : result.quantum_of_output());
}

const Pattern kPatterns[] = {
    // Batch norm is folded.
    {"conv1d_batch_norm", 3, "return self.batch_norm(self.conv1d(x))",
     "quantize | dequantize+conv1d"},
    {"conv2d_batch_norm", 4, "return self.batch_norm(self.conv2d(x))",
     "quantize | dequantize+conv2d"},
    {"conv3d_batch_norm", 5, "return self.batch_norm(self.conv3d(x))",
     "quantize | dequantize+conv3d"},
    {"conv2d_no_bias_batch_norm", 4, "return self.batch_norm(self.conv2d_no_bias(x))",
     "quantize | dequantize+conv2d"},
    {"conv2d_batch_norm_relu", 4,
     "return self.exact_conv2d(torch.relu(self.batch_norm(self.conv2d(x))))",
     "quantize | dequantize+conv2d+quantize | dequantize+conv2d"},
    {"conv2d_batch_norm_relu_in_place", 4,
     "return self.exact_conv2d(torch.relu_(self.batch_norm(self.conv2d(x))))",
     "quantize | dequantize+conv2d+quantize | dequantize+conv2d"},
    {"linear_batch_norm", 2, "return self.batch_norm(self.linear(x))",
     "quantize | dequantize+linear"},

    {"conv_transpose1d_batch_norm", 3, "return self.batch_norm(self.conv_transpose1d(x))",
     "quantize | dequantize+conv_transpose1d"},
    {"conv_transpose2d_batch_norm_relu", 4,
     "return self.exact_conv2d(torch.relu(self.batch_norm(self.conv_transpose2d(x))))",
     "quantize | dequantize+conv_transpose2d+quantize | dequantize+conv2d"},
    {"conv_transpose2d_grouped_batch_norm_relu", 4,
     "y = torch.conv_transpose2d(x, self.grouped, None, [1, 1], [1, 1], [0, 0], 2)\n"
     "return self.exact_conv2d(torch.relu(self.batch_norm(y)))",
     "quantize | dequantize+conv_transpose2d+quantize | dequantize+conv2d"},
    {"conv_transpose3d_batch_norm", 5, "return self.batch_norm(self.conv_transpose3d(x))",
     "quantize | dequantize+conv_transpose3d"},
    {"linear_batch_norm_relu", 2,
     "return self.exact_linear(torch.relu(self.batch_norm(self.linear(x))))",
     "quantize | dequantize+linear+quantize | dequantize+linear"},
    {"linear_no_bias_batch_norm", 2, "return self.batch_norm(self.linear_no_bias(x))",
     "quantize | dequantize+linear"},

    // So is constant arithmetic behind a convolution; behind a linear layer it fuses.
    {"conv2d_scaled", 4, "return self.conv2d(x) * 0.125", "quantize | dequantize+conv2d"},
    {"conv2d_shifted_by_channel", 4, "return self.conv2d(x) + self.b.view(1, 8, 1, 1)",
     "quantize | dequantize+conv2d"},
    {"conv2d_divided", 4, "return self.conv2d(x) / 8", "quantize | dequantize+conv2d"},
    {"conv2d_scaled_by_channel", 4, "return self.conv2d(x) * self.scale.view(1, 8, 1, 1)",
     "quantize | dequantize+conv2d"},
    {"linear_scaled_and_shifted", 2, "return self.linear(x) * 0.125 + 2",
     "quantize | dequantize+linear+mul+add"},
    {"linear_divided", 2, "return self.linear(x) / 8", "quantize | dequantize+linear+div"},
    {"linear_scaled_by_channel", 2, "return self.linear(x) * self.scale",
     "quantize | dequantize+linear+mul"},

    // Sums.
    {"sum_right", 4, "return self.exact_conv2d(x + self.conv2d(x))",
     "quantize | dequantize+conv2d+dequantize+add+quantize | dequantize+conv2d"},
    {"sum_left", 4, "return self.exact_conv2d(self.conv2d(x) + x)",
     "quantize | dequantize+conv2d+dequantize+add+quantize | dequantize+conv2d"},
    {"sum_relu", 4, "return self.exact_conv2d(torch.relu(self.conv2d(x) + x))",
     "quantize | dequantize+conv2d+dequantize+add+quantize | dequantize+conv2d"},
    {"sum_relu_right", 4, "return self.exact_conv2d(torch.relu(x + self.conv2d(x)))",
     "quantize | dequantize+conv2d+dequantize+add+quantize | dequantize+conv2d"},
    {"sum_in_place", 4, "y = self.conv2d(x)\ny += x\nreturn self.exact_conv2d(torch.relu_(y))",
     "quantize | dequantize+conv2d+dequantize+add+quantize | dequantize+conv2d"},
    {"batch_norm_sum_relu", 4,
     "return self.exact_conv2d(torch.relu(self.batch_norm(self.conv2d(x)) + x))",
     "quantize | dequantize+conv2d+dequantize+add+quantize | dequantize+conv2d"},
    {"sum_of_two_layers", 4, "return self.exact_conv2d(self.conv2d(x) + self.conv2d_second(x))",
     "quantize | dequantize+conv2d+quantize | dequantize+conv2d+dequantize+add+quantize | "
     "dequantize+conv2d"},
    {"linear_sum", 2, "return self.exact_linear(self.linear(x) + x)",
     "quantize | dequantize+linear+dequantize+add+quantize | dequantize+linear"},
    {"linear_sum_right_relu", 2, "return self.exact_linear(torch.relu(x + self.linear(x)))",
     "quantize | dequantize+linear+dequantize+add+quantize | dequantize+linear"},
    {"linear_dropout_sum", 2,
     "return self.exact_linear(torch.dropout(self.linear(x), 0.1, False) + x)",
     "quantize | dequantize+linear+dequantize+add+quantize | dequantize+linear"},
    {"sums_in_a_row", 4,
     "y = self.conv2d(x) + x\nz = self.conv2d_second(y) + y\nreturn self.exact_conv2d(z)",
     "quantize | dequantize+conv2d+dequantize+add+quantize | "
     "dequantize+conv2d+dequantize+add+quantize | dequantize+conv2d"},
    {"sum_to_fp32", 4, "return self.conv2d(x) + x", "quantize | dequantize+conv2d+add"},
    {"sum_that_a_norm_and_a_sum_read", 4,
     "y = torch.relu(self.conv2d(x))\nz = self.conv2d_second(y) + y\n"
     "return torch.relu(self.batch_norm(z)) + z",
     "quantize | dequantize+conv2d+relu | quantize | dequantize+conv2d+add | aten::addcmul | "
     "aten::relu | aten::add"},
    {"padding_and_conv", 4, "return self.conv2d(torch.pad(x, [0, 1, 2, 1]))",
     "quantize | dequantize+aten::pad+conv2d"},
    {"padding_between", 4,
     "return self.exact_conv2d(self.conv2d_second(torch.pad(torch.relu(self.conv2d(x)), [0, 1])))",
     "quantize | dequantize+conv2d+quantize | dequantize+aten::pad+conv2d+quantize | "
     "dequantize+conv2d"},
    {"layer_norm", 3,
     "y = x.transpose(1, 2)\nreturn self.exact_linear(torch.layer_norm(self.linear(y) + y, [8]))",
     "aten::transpose | quantize | dequantize+linear+add | aten::layer_norm | quantize | "
     "dequantize+linear"},
    {"layer_norm_with_weight_and_bias", 3,
     "y = x.transpose(1, 2)\n"
     "z = torch.layer_norm(self.linear(y) + y, [8], self.b, self.b)\n"
     "return self.exact_linear(z)",
     "aten::transpose | quantize | dequantize+linear+add | int8graph::quantized_layer_norm | "
     "dequantize+linear"},
    {"layer_norm_beside_a_sum", 3,
     "z = torch.layer_norm(self.linear(x.transpose(1, 2)), [8], self.b, self.b)\n"
     "return torch.layer_norm(self.exact_linear(z) + z, [8])",
     "quantize | aten::transpose | dequantize+linear | int8graph::layer_norm_and_quantized | "
     "dequantize+linear+add | aten::layer_norm"},
    {"sum_of_no_layer", 4, "return self.exact_conv2d(x + x.abs())",
     "aten::abs | aten::add | quantize | dequantize+conv2d"},

    {"parameter_added", 4, "return self.exact_conv2d(torch.relu(self.conv2d(x)) + self.place)",
     "quantize | dequantize+conv2d+relu+add+quantize | dequantize+conv2d"},
    {"parameter_added_behind_linear", 2,
     "return self.exact_linear(torch.gelu(self.linear(x)) + self.w[:2])",
     "quantize | dequantize+linear+gelu+add+quantize | dequantize+linear"},

    // Differences.
    {"difference", 4, "return self.exact_conv2d(self.conv2d(x) - x)",
     "quantize | dequantize+conv2d+sub+quantize | dequantize+conv2d"},
    {"difference_right", 4, "return self.exact_conv2d(x - self.conv2d(x))",
     "quantize | dequantize+conv2d+mul+add+quantize | dequantize+conv2d"},
    {"linear_difference", 2, "return self.exact_linear(self.linear(x) - x)",
     "quantize | dequantize+linear+sub+quantize | dequantize+linear"},
    {"conv_transpose2d_difference", 4,
     "return self.exact_conv2d(self.conv_transpose2d(x) - torch.upsample_nearest2d(x, [12, 10]))",
     "quantize | aten::upsample_nearest2d | dequantize+conv_transpose2d+sub+quantize | "
     "dequantize+conv2d"},
    {"matmul_difference", 3, "return torch.matmul(x, x.transpose(1, 2)) - 1.5",
     "quantize | aten::transpose | quantize | dequantize+dequantize+matmul+sub"},
    {"larger_one", 4, "return self.exact_conv2d(torch.max(self.conv2d(x), x))",
     "quantize | dequantize+conv2d+max+quantize | dequantize+conv2d"},
    {"smaller_one", 4, "return self.exact_conv2d(torch.min(self.conv2d(x), x))",
     "quantize | dequantize+conv2d+min+quantize | dequantize+conv2d"},

    // GELUs written by hand.
    {"gelu_by_tanh", 2,
     "y = self.linear(x)\n"
     "return self.exact_linear(0.5 * y * (1.0 + torch.tanh(0.7978845608028654 * (y + 0.044715 * "
     "torch.pow(y, 3.0)))))",
     "quantize | dequantize+linear+gelu+quantize | dequantize+linear"},
    {"gelu_by_erf", 2,
     "y = self.linear(x)\n"
     "return self.exact_linear(y * 0.5 * (1.0 + torch.erf(y / 1.4142135623730951)))",
     "quantize | dequantize+linear+gelu+quantize | dequantize+linear"},
    {"gelu_by_cdf", 2,
     "y = self.linear(x)\n"
     "return self.exact_linear(y * (0.5 * (1 + torch.erf((y - 0.0) * 0.7071067811865475))))",
     "quantize | dequantize+linear+gelu+quantize | dequantize+linear"},

    // Gates.
    {"quick_gelu", 4, "y = self.conv2d(x)\nreturn self.exact_conv2d(y * torch.sigmoid(1.702 * y))",
     "quantize | dequantize+conv2d+mul+sigmoid+mul+quantize | dequantize+conv2d"},
    {"hardswish_by_hand", 4,
     "y = self.conv2d(x)\nreturn self.exact_conv2d(y * torch.clamp(y + 3, 0, 6) / 6)",
     "quantize | dequantize+conv2d+hardswish+quantize | dequantize+conv2d"},
    {"conv_sigmoid_mul", 4, "y = self.conv2d(x)\nreturn self.exact_conv2d(torch.sigmoid(y) * y)",
     "quantize | dequantize+conv2d+sigmoid+mul+quantize | dequantize+conv2d"},

    // Pools.
    {"max_pool1d", 3, "return self.exact_conv1d(torch.max_pool1d(self.conv1d(x), [2]))",
     "quantize | dequantize+conv1d+quantize | dequantize+max_pool1d+quantize | dequantize+conv1d"},
    {"max_pool2d", 4, "return self.exact_conv2d(torch.max_pool2d(self.conv2d(x), [2, 2]))",
     "quantize | dequantize+conv2d+quantize | dequantize+max_pool2d+quantize | dequantize+conv2d"},
    {"max_pool2d_ceil", 4,
     "return self.exact_conv2d(torch.max_pool2d(self.conv2d(x), [3, 3], [2, 2], [1, 1], [1, 1], "
     "True))",
     "quantize | dequantize+conv2d+quantize | dequantize+max_pool2d+quantize | dequantize+conv2d"},
    {"max_pool3d", 5, "return self.exact_conv3d(torch.max_pool3d(self.conv3d(x), [2, 2, 2]))",
     "quantize | dequantize+conv3d+quantize | dequantize+max_pool3d+quantize | dequantize+conv3d"},
    {"avg_pool1d", 3, "return self.exact_conv1d(torch.avg_pool1d(self.conv1d(x), [2]))",
     "quantize | dequantize+conv1d+quantize | dequantize+avg_pool1d+quantize | dequantize+conv1d"},
    {"avg_pool2d", 4, "return self.exact_conv2d(torch.avg_pool2d(self.conv2d(x), [2, 2]))",
     "quantize | dequantize+conv2d+quantize | dequantize+avg_pool2d+quantize | dequantize+conv2d"},
    {"avg_pool2d_padded", 4,
     "return self.exact_conv2d(torch.avg_pool2d(self.conv2d(x), [3, 3], [2, 2], [1, 1], False, "
     "False))",
     "quantize | dequantize+conv2d+quantize | dequantize+avg_pool2d+quantize | dequantize+conv2d"},
    {"avg_pool2d_counting_its_padding", 4,
     "return self.exact_conv2d(torch.avg_pool2d(self.conv2d(x), [3, 3], [2, 2], [1, 1]))",
     "quantize | dequantize+conv2d+quantize | dequantize | aten::avg_pool2d | quantize | "
     "dequantize+conv2d"},
    {"avg_pool2d_counting_its_padding_behind_relu", 4,
     "return self.exact_conv2d(torch.avg_pool2d(torch.relu(self.conv2d(x)), [3, 3], [2, 2], [1, "
     "1]))",
     "quantize | dequantize+conv2d+quantize | dequantize+avg_pool2d+quantize | "
     "dequantize+conv2d"},
    {"number_behind_a_tensor_without_dimensions", 4,
     "return torch.sigmoid(self.conv2d(x).mean()) * 0.5",
     "quantize | dequantize+conv2d | aten::mean | aten::sigmoid | aten::mul"},
    {"factor_and_summand_are_folded", 4, "return self.conv2d(x) * 0.125 + 2",
     "quantize | dequantize+conv2d"},
    {"avg_pool3d", 5, "return self.exact_conv3d(torch.avg_pool3d(self.conv3d(x), [2, 2, 2]))",
     "quantize | dequantize+conv3d+quantize | dequantize+avg_pool3d+quantize | dequantize+conv3d"},
    {"pool_flatten_linear", 4,
     "y = torch.max_pool2d(self.conv2d(x), [6, 5])\nreturn self.exact_linear(torch.flatten(y, 1))",
     "quantize | dequantize+conv2d+quantize | dequantize+max_pool2d+quantize | aten::flatten | "
     "dequantize+linear"},
    {"adaptive_pool", 4,
     "y = torch.adaptive_avg_pool2d(torch.relu(self.conv2d(x)), [1, 1])\n"
     "return self.exact_linear(torch.flatten(y, 1))",
     "quantize | dequantize+conv2d+quantize | int8graph::adaptive_avg_pool2d | quantize | "
     "aten::flatten | dequantize+linear"},
    {"adaptive_pool_beside_an_operator_without_entry", 4,
     "y = torch.relu(self.conv2d(x))\n"
     "return torch.adaptive_avg_pool2d(y, [1, 1]) * y.mean()",
     "quantize | dequantize+conv2d+relu | aten::adaptive_avg_pool2d | aten::mean | aten::mul"},
    {"adaptive_pool_beside_fp32", 4,
     "y = torch.relu(self.conv2d(x))\n"
     "return y * torch.adaptive_avg_pool2d(y, [1, 1])",
     "quantize | dequantize+conv2d+relu | aten::adaptive_avg_pool2d | aten::mul"},
    {"sum_between_paddings", 4,
     "y = self.conv2d(torch.pad(x, [0, 0, 0, 0]))\n"
     "z = y + self.conv2d_same(torch.pad(y, [0, 0, 0, 0]))\n"
     "return self.exact_conv2d(torch.pad(z, [0, 1, 0, 1]))",
     "quantize | dequantize+aten::pad+conv2d+quantize | "
     "dequantize+aten::pad+conv2d+dequantize+add+quantize | dequantize+aten::pad+conv2d"},
    {"mean", 4, "return self.exact_linear(torch.relu(self.conv2d(x)).mean([2, 3]))",
     "quantize | dequantize+conv2d+relu | aten::mean | quantize | dequantize+linear"},

    // Joins.
    {"cat", 4,
     "y = torch.cat([torch.relu(self.conv2d(x)), torch.relu(self.conv2d_second(x))], 2)\n"
     "return self.exact_conv2d(y)",
     "quantize | dequantize+conv2d+quantize | dequantize+conv2d+quantize | "
     "dequantize+dequantize+cat+quantize | dequantize+conv2d"},
    {"cat_of_fp32", 4, "return self.exact_conv2d(torch.cat([x, x.abs()], 2))",
     "aten::abs | aten::cat | quantize | dequantize+conv2d"},

    // Parts between int8 neighbours.
    {"chunk", 4,
     "a, b = torch.chunk(torch.relu(self.conv2d(x)), 2, 1)\n"
     "y = torch.conv2d(a, self.grouped, self.b, [1, 1], [1, 1])\n"
     "return y + torch.conv2d(b, self.grouped, None, [1, 1], [1, 1])",
     "quantize | dequantize+conv2d+quantize | aten::chunk | prim::ListUnpack | "
     "dequantize+conv2d | dequantize+conv2d+add"},
    {"split", 4,
     "a, b = torch.split(torch.relu(self.conv2d(x)), [4, 4], 1)\n"
     "y = torch.conv2d(a, self.grouped, self.b, [1, 1], [1, 1])\n"
     "return y + torch.conv2d(b, self.grouped, None, [1, 1], [1, 1])",
     "quantize | dequantize+conv2d+quantize | aten::split | prim::ListUnpack | "
     "dequantize+conv2d | dequantize+conv2d+add"},
    {"unbind", 4,
     "a, b = torch.unbind(torch.relu(self.conv2d(x)), 0)\n"
     "y = self.conv2d_second(a.unsqueeze(0))\n"
     "return y + self.conv2d(b.unsqueeze(0))",
     "quantize | dequantize+conv2d+quantize | aten::unbind | prim::ListUnpack | "
     "aten::unsqueeze | aten::unsqueeze | dequantize+conv2d | dequantize+conv2d+add"},
    {"slices", 4,
     "z = torch.relu(self.conv2d(x))\n"
     "y = torch.conv2d(torch.slice(z, 1, 0, 4), self.grouped, self.b, [1, 1], [1, 1])\n"
     "return y + torch.conv2d(torch.slice(z, 1, 4), self.grouped, None, [1, 1], [1, 1])",
     "quantize | dequantize+conv2d+quantize | aten::slice | aten::slice | "
     "dequantize+conv2d | dequantize+conv2d+add"},
    {"c2f_block", 4,
     "a, b = torch.chunk(torch.silu(self.conv2d(x)), 2, 1)\n"
     "c, d = torch.chunk(torch.silu(torch.conv2d(b, self.grouped, None, [1, 1], [1, 1])), 2, 1)\n"
     "return self.exact_conv2d(torch.cat([a, c], 1))",
     "quantize | dequantize+conv2d+sigmoid+mul+quantize | aten::chunk | prim::ListUnpack | "
     "dequantize+conv2d+sigmoid+mul+quantize | aten::chunk | prim::ListUnpack | "
     "dequantize+dequantize+cat+quantize | dequantize+conv2d"},
    {"part_in_fp32", 4,
     "a, b = torch.chunk(torch.relu(self.conv2d(x)), 2, 1)\n"
     "return torch.conv2d(a, self.grouped, None, [1, 1], [1, 1]) + b.exp().sum()",
     "quantize | dequantize+conv2d+relu | aten::chunk | prim::ListUnpack | quantize | aten::exp | "
     "aten::sum | "
     "dequantize+conv2d+add"},
    {"sizes_of_a_cat", 4,
     "y = torch.cat([torch.relu(self.conv2d(x)), torch.relu(self.conv2d_second(x))], 2)\n"
     "return self.exact_conv2d(y.view(y.size(0), y.size(1), -1, 1))",
     "quantize | dequantize+conv2d+quantize | dequantize+conv2d+quantize | "
     "dequantize+dequantize+cat+quantize | aten::size | aten::size | aten::reshape | "
     "dequantize+conv2d"},

    // Views between int8 neighbours.
    {"view", 4, "y = torch.relu(self.conv2d(x)).view(2, 8, 30, 1)\nreturn self.exact_conv2d(y)",
     "quantize | dequantize+conv2d+quantize | aten::reshape | dequantize+conv2d"},
    {"reshape", 4,
     "y = torch.relu(self.conv2d(x)).reshape(2, 8, 30, 1)\nreturn self.exact_conv2d(y)",
     "quantize | dequantize+conv2d+quantize | aten::reshape | dequantize+conv2d"},
    {"linear_behind_a_transpose", 3,
     "return self.exact_linear(torch.relu(self.linear(x.transpose(1, 2))))",
     "quantize | aten::transpose | dequantize+linear+quantize | dequantize+linear"},
    {"transpose", 3, "return self.exact_linear(self.conv1d(x).transpose(1, 2))",
     "quantize | dequantize+conv1d+quantize | aten::transpose | dequantize+linear"},
    {"permute", 4, "return self.exact_linear(self.conv2d(x).permute(0, 2, 3, 1))",
     "quantize | dequantize+conv2d+quantize | aten::permute | dequantize+linear"},
    {"contiguous", 4, "return self.exact_conv2d(self.conv2d(x).contiguous())",
     "quantize | dequantize+conv2d+quantize | aten::contiguous | dequantize+conv2d"},
    {"slice", 4, "return self.exact_conv2d(torch.slice(self.conv2d(x), 2, 1, 4))",
     "quantize | dequantize+conv2d+quantize | aten::slice | dequantize+conv2d"},
    {"flatten", 4,
     "return self.exact_linear(torch.flatten(self.conv2d(x).permute(0, 2, 3, 1), 0, 2))",
     "quantize | dequantize+conv2d+quantize | aten::permute | aten::flatten | dequantize+linear"},
    {"gelu_behind_views", 4,
     "return self.exact_linear(torch.gelu(torch.flatten(self.conv2d(x), 2).transpose(1, 2)))",
     "quantize | dequantize+conv2d+gelu+quantize | aten::flatten | aten::transpose | "
     "dequantize+linear"},
    {"upsample", 4,
     "return self.exact_conv2d(torch.upsample_nearest2d(torch.relu(self.conv2d(x)), [12, 10]))",
     "quantize | dequantize+conv2d+quantize | aten::upsample_nearest2d | dequantize+conv2d"},

    // Products of two activations.
    {"matmul", 3, "return torch.matmul(x, x.transpose(1, 2))",
     "quantize | aten::transpose | quantize | dequantize+dequantize+matmul"},
    {"bmm", 3, "return torch.bmm(x, x.transpose(1, 2))",
     "quantize | aten::transpose | quantize | dequantize+dequantize+bmm"},
    {"bmm_div", 3, "return torch.bmm(x, x.transpose(1, 2)) / 8.0",
     "quantize | aten::transpose | quantize | dequantize+dequantize+bmm+div"},
    {"bmm_div_one", 3, "return torch.bmm(x, x.transpose(1, 2)) / 1",
     "quantize | aten::transpose | quantize | dequantize+dequantize+bmm+div"},
    {"matmul_div_tensor", 3, "return torch.matmul(x, x.transpose(1, 2)) / self.scale",
     "quantize | aten::transpose | quantize | dequantize+dequantize+matmul+div"},
    {"matmul_div_mask", 3, "return torch.matmul(x, x.transpose(1, 2)) / 8.0 + self.b",
     "quantize | aten::transpose | quantize | dequantize+dequantize+matmul+div+add"},
    {"matmul_masked_fill", 3,
     "y = torch.matmul(x, x.transpose(1, 2)) / 2.0\n"
     "return torch.softmax(torch.masked_fill(y, self.mean.view(8, 1) > 0.5, -1e30), -1)",
     "quantize | aten::transpose | quantize | aten::where | dequantize+dequantize+matmul+div+add | "
     "aten::softmax"},
    {"attention", 3,
     "y = x.transpose(1, 2)\n"
     "p = torch.softmax(torch.matmul(self.linear(y), self.linear_second(y).transpose(1, 2)) / 2.0, "
     "-1)\n"
     "return self.exact_linear(torch.matmul(p, self.linear_no_bias(y)))",
     "quantize | aten::transpose | dequantize+linear+quantize | aten::transpose | "
     "dequantize+linear+quantize | dequantize+linear+quantize | "
     "dequantize+dequantize+matmul+div+softmax+quantize+dequantize+dequantize+matmul+quantize | "
     "dequantize+linear"},
    {"attention_with_a_mask", 3,
     "y = x.transpose(1, 2)\n"
     "mask = self.mean[:6]\n"
     "p = torch.softmax(torch.bmm(y, x) * 0.5 + mask, -1)\n"
     "return torch.bmm(p, y)",
     "aten::transpose | quantize | quantize | quantize | "
     "dequantize+dequantize+bmm+mul+add+softmax+quantize+dequantize+dequantize+bmm"},
    {"scaled_dot_product_attention", 3,
     "y = x.transpose(1, 2)\n"
     "return torch.scaled_dot_product_attention(y, y, y)",
     "aten::transpose | quantize | aten::transpose | quantize | "
     "dequantize+dequantize+matmul+div+softmax+quantize+dequantize+dequantize+matmul"},
    {"attention_with_a_write_in_between", 3,
     "y = x.transpose(1, 2)\n"
     "mask = torch.relu(x[:, :1, :])\n"
     "s = torch.bmm(y, x) * 0.5 + mask\n"
     "mask.add_(torch.arange(6))\n"
     "p = torch.softmax(s, -1)\n"
     "return torch.bmm(p, y) + mask.sum()",
     "aten::transpose | aten::slice | aten::slice | aten::slice | aten::relu | quantize | quantize "
     "| "
     "dequantize+dequantize+bmm+mul+add | aten::add_ | softmax+quantize | quantize | aten::sum | "
     "dequantize+dequantize+bmm+add"},
    {"attention_whose_weights_are_wanted", 3,
     "y = x.transpose(1, 2)\n"
     "p = torch.softmax(torch.bmm(y, x) * 0.5, -1)\n"
     "return torch.bmm(p, y) + torch.topk(p, 1)[0]",
     "aten::transpose | quantize | quantize | dequantize+dequantize+bmm+mul | aten::softmax | "
     "quantize | "
     "quantize | aten::topk | dequantize+dequantize+bmm+add"},
    {"matmul_of_linears", 3,
     "y = x.transpose(1, 2)\nreturn torch.matmul(self.linear(y), "
     "self.linear_second(y).transpose(1, "
     "2))",
     "quantize | aten::transpose | dequantize+linear+quantize | aten::transpose | "
     "dequantize+linear+quantize | dequantize+dequantize+matmul"},

    {"linear_of_four_dimensions", 4, "return self.linear(torch.permute(x, [0, 2, 3, 1]))",
     "quantize | aten::permute | dequantize+linear"},
    {"avg_pool2d_of_one_size", 4,
     "return self.exact_conv2d(torch.avg_pool2d(torch.relu(self.conv2d(x)), 2))",
     "quantize | dequantize+conv2d+quantize | dequantize+avg_pool2d+quantize | "
     "dequantize+conv2d"},

    // Norms that can't be folded.
    {"cat_batch_norm_relu", 4,
     "y = torch.relu(self.conv2d(x))\n"
     "y = torch.cat([y, torch.relu(self.conv2d_second(y))], 2)\n"
     "return self.exact_conv2d(torch.relu(self.batch_norm(y)))",
     "quantize | dequantize+conv2d+relu | quantize | dequantize+conv2d+relu | aten::cat | "
     "aten::addcmul | quantize | dequantize+conv2d"},
    {"sum_batch_norm_relu", 4,
     "y = self.conv2d(x) + x\nreturn self.exact_conv2d(torch.relu(self.batch_norm(y)))",
     "quantize | dequantize+conv2d+add | aten::addcmul | quantize | dequantize+conv2d"},

    // More than oneDNN Graph fuses.
    {"conv2d_four_operations", 4,
     "y = torch.tanh(torch.relu(self.conv2d(x)) * 0.5 + 0.25).square()\n"
     "return self.exact_conv2d(y)",
     "quantize | dequantize+conv2d+relu+mul+add+tanh+square+quantize | dequantize+conv2d"},
    {"linear_four_operations", 2,
     "y = torch.softplus(torch.maximum(self.linear(x), self.slope)) * self.scale - x\n"
     "return self.exact_linear(torch.abs(y))",
     "quantize | dequantize+linear+maximum+softplus+mul+sub+abs+quantize | dequantize+linear"},

    // PReLU with a slope for each channel. Depthwise convolutions take it where channels fill
    // vectors; and the second dimension of three is not that of a linear layer's columns.
    {"conv1d_prelu", 3, "return self.exact_conv1d(torch.prelu(self.conv1d(x), self.scale))",
     "quantize | dequantize+conv1d+prelu+quantize | dequantize+conv1d"},
    {"conv2d_prelu", 4, "return self.exact_conv2d(torch.prelu(self.conv2d(x), self.scale))",
     "quantize | dequantize+conv2d+prelu+quantize | dequantize+conv2d"},
    {"conv2d_prelu_to_fp32", 4, "return torch.prelu(self.conv2d_no_bias(x), self.scale)",
     "quantize | dequantize+conv2d+prelu"},
    {"conv3d_prelu", 5, "return self.exact_conv3d(torch.prelu(self.conv3d(x), self.scale))",
     "quantize | dequantize+conv3d+prelu+quantize | dequantize+conv3d"},
    {"conv2d_depthwise_of_few_channels_prelu", 4,
     "return self.exact_conv2d(torch.prelu(self.conv2d_depthwise(x), self.scale))",
     "quantize | dequantize+conv2d | aten::prelu | quantize | dequantize+conv2d"},
    {"conv2d_sum_prelu", 4, "return self.exact_conv2d(torch.prelu(self.conv2d(x) + x, self.scale))",
     "quantize | dequantize+conv2d+dequantize+add+prelu+quantize | dequantize+conv2d"},
    {"linear_prelu", 2, "return self.exact_linear(torch.prelu(self.linear(x), self.scale))",
     "quantize | dequantize+linear+prelu+quantize | dequantize+linear"},
    {"linear_no_bias_prelu", 2, "return torch.prelu(self.linear_no_bias(x), self.scale)",
     "quantize | dequantize+linear+prelu"},
    {"conv_transpose2d_prelu", 4,
     "return self.exact_conv2d(torch.prelu(self.conv_transpose2d(x), self.scale))",
     "quantize | dequantize+conv_transpose2d+prelu+quantize | dequantize+conv2d"},
    {"prelu_of_another_dimension", 3,
     "y = self.linear(x.transpose(1, 2))\n"
     "return self.exact_linear(torch.prelu(y, self.scale[:6]))",
     "quantize | aten::transpose | dequantize+linear | aten::prelu | quantize | "
     "dequantize+linear"},

    // What has no int8 form stays with PyTorch.
    {"cube", 4, "return self.exact_conv2d(torch.pow(self.conv2d(x), 3))",
     "quantize | dequantize+conv2d | aten::pow | quantize | dequantize+conv2d"},
    {"rsqrt", 4, "return self.exact_conv2d(torch.rsqrt(torch.clamp(self.conv2d(x), 0.5, 4)))",
     "quantize | dequantize+conv2d+clamp | aten::rsqrt | quantize | dequantize+conv2d"},
    {"group_norm", 4,
     "y = torch.group_norm(self.conv2d(x), 2, self.scale, self.b)\n"
     "return self.exact_conv2d(torch.relu(y))",
     "quantize | dequantize+conv2d | aten::group_norm | quantize | "
     "dequantize+conv2d"},
    {"log_softmax", 2, "return torch.log_softmax(self.linear(x), -1)",
     "quantize | dequantize+linear | aten::log_softmax"},
    {"upsample_bilinear", 4,
     "y = torch.upsample_bilinear2d(torch.relu(self.conv2d(x)), [12, 10], False)\n"
     "return self.exact_conv2d(y)",
     "quantize | dequantize+conv2d+relu | aten::upsample_bilinear2d | quantize | "
     "dequantize+conv2d"},
    {"adaptive_max_pool", 4,
     "y, indices = torch.adaptive_max_pool2d(self.conv2d(x), [1, 1])\n"
     "return self.exact_linear(torch.flatten(y, 1))",
     "quantize | dequantize+conv2d | aten::adaptive_max_pool2d | quantize | aten::flatten | "
     "dequantize+linear"},
    {"largest_along_a_dimension", 4,
     "y, indices = torch.max(self.conv2d(x), 3)\nreturn self.exact_conv1d(y)",
     "quantize | dequantize+conv2d | aten::max | quantize | dequantize+conv1d"},
    {"expand", 2, "y = self.linear(x).unsqueeze(1).expand([2, 3, 8])\nreturn self.exact_linear(y)",
     "quantize | dequantize+linear+quantize | aten::unsqueeze | aten::expand | dequantize+linear"},
    {"batch_norm_alone", 4, "return self.exact_conv2d(torch.relu(self.batch_norm(x)))",
     "aten::batch_norm | quantize | dequantize+conv2d"},
    {"unknown_operator", 4, "return self.exact_conv2d(torch.flip(torch.relu(self.conv2d(x)), [2]))",
     "quantize | dequantize+conv2d+relu | aten::flip | quantize | dequantize+conv2d"},
    {"shared_input", 4, "return self.conv2d(x) * self.conv2d_second(x)",
     "quantize | dequantize+conv2d | dequantize+conv2d+mul"},
    {"chain", 4,
     "return self.exact_conv2d(torch.relu(self.conv2d_second(torch.relu(self.conv2d(x)))))",
     "quantize | dequantize+conv2d+quantize | dequantize+conv2d+quantize | "
     "dequantize+conv2d"},
    {"several_elementwise", 4,
     "return self.exact_conv2d(torch.sigmoid(torch.tanh(torch.relu(self.conv2d(x)))))",
     "quantize | dequantize+conv2d+relu+tanh+sigmoid+quantize | dequantize+conv2d"},
};

INSTANTIATE_TEST_SUITE_P(Fusion, Patterns, testing::ValuesIn(kPatterns),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace int8graph
