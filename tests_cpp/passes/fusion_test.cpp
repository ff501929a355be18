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

struct Tail {
  const char* name;
  const char* call;
  const char* fused;  // as it follows the layer
};

void PrintTo(const Layer& layer, std::ostream* out) { *out << layer.call; }
void PrintTo(const Tail& tail, std::ostream* out) { *out << tail.call; }

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
  at::Tensor input() const { return small_input(std::get<0>(GetParam()).rank); }
};

TEST_P(BehindALayer, IsOnePartitionFromInt8ToFp32) {
  const auto result = convert_and_run(small_model("return " + body()), {input()});
  EXPECT_EQ(result.summary, "quantize | " + partition());
  expect_right_numbers(result);
}

TEST_P(BehindALayer, IsOnePartitionFromInt8ToInt8) {
  const Layer& layer = std::get<0>(GetParam());
  const auto result =
      convert_and_run(small_model("return " + with(layer.exact, body())), {input()});
  EXPECT_EQ(result.summary, "quantize | " + partition() + "+quantize | dequantize+" +
                                layer.exact_fused);
  expect_right_numbers(result);
}

TEST_P(BehindALayer, IsOnePartitionInTheSymmetricScheme) {
  const Layer& layer = std::get<0>(GetParam());
  const auto result = convert_and_run(small_model("return " + with(layer.exact, body())), {input()},
                                      QScheme::PerTensorSymmetric);
  EXPECT_EQ(result.summary, "quantize | " + partition() + "+quantize | dequantize+" +
                                layer.exact_fused);
  expect_right_numbers(result);
}

std::string test_name(const testing::TestParamInfo<std::tuple<Layer, Tail>>& info) {
  return std::string(std::get<0>(info.param).name) + "_" + std::get<1>(info.param).name;
}

const Layer kLayers[] = {
    kConv1d,
    kConv2d,
    kConv3d,
    kLinear,
    {"conv2d_no_bias", "self.conv2d_no_bias({})", 4, "self.exact_conv2d({})", "conv2d", "conv2d"},
    {"conv2d_strided", "self.conv2d_strided({})", 4, "self.exact_conv2d({})", "conv2d", "conv2d"},
    {"conv2d_dilated", "self.conv2d_dilated({})", 4, "self.exact_conv2d({})", "conv2d", "conv2d"},
    {"conv2d_grouped", "self.conv2d_grouped({})", 4, "self.exact_conv2d({})", "conv2d", "conv2d"},
    {"conv2d_depthwise", "self.conv2d_depthwise({})", 4, "self.exact_conv2d({})", "conv2d",
     "conv2d"},
    {"conv2d_same", "self.conv2d_same({})", 4, "self.exact_conv2d({})", "conv2d", "conv2d"},
    {"conv2d_valid", "self.conv2d_valid({})", 4, "self.exact_conv2d({})", "conv2d", "conv2d"},
    {"conv_transpose1d", "self.conv_transpose1d({})", 3, "self.exact_conv1d({})",
     "conv_transpose1d", "conv1d"},
    {"conv_transpose2d", "self.conv_transpose2d({})", 4, "self.exact_conv2d({})",
     "conv_transpose2d", "conv2d"},
    {"conv_transpose3d", "self.conv_transpose3d({})", 5, "self.exact_conv3d({})",
     "conv_transpose3d", "conv3d"},
    {"linear_no_bias", "self.linear_no_bias({})", 2, "self.exact_linear({})", "linear", "linear"},
    {"linear_of_three_dimensions", "self.linear({}.transpose(1, 2))", 3, "self.exact_linear({})",
     "linear", "linear"},
};

const Tail kNothing = {"alone", "{}", ""};
const Tail kRelu = {"relu", "torch.relu({})", "+relu"};

const Tail kTails[] = {
    {"relu6", "torch.relu6({})", "+relu6"},
    {"hardtanh", "torch.hardtanh({}, -1.5, 2.0)", "+hardtanh"},
    {"clamp", "torch.clamp({}, -1, 2.5)", "+clamp"},
    {"clamp_below", "torch.clamp({}, 0.5)", "+clamp"},
    {"clamp_above", "torch.clamp({}, None, 0.5)", "+clamp"},
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
    {"round", "torch.round({})", "+round"},
    {"sqrt", "torch.sqrt(torch.relu({}))", "+relu+sqrt"},
    {"exp", "torch.exp(torch.clamp({}, -2, 1))", "+clamp+exp"},
    {"log", "torch.log(torch.clamp({}, 0.5, 9))", "+clamp+log"},
    {"prelu", "torch.prelu({}, self.b)", "+prelu"},
    {"mul_by_scalar", "{} * 0.125", "+mul"},
    {"div_by_scalar", "{} / 8", "+div"},
    {"dropout_and_relu", "torch.relu(torch.dropout({}, 0.5, False))", "+relu"},
    {"relu_method", "{}.relu()", "+relu"},
    {"relu_in_place", "torch.relu_({})", "+relu"},
    {"relu6_in_place", "torch.relu6_({})", "+relu6"},
    {"hardtanh_in_place", "torch.hardtanh_({}, 0.0, 6.0)", "+hardtanh"},
    {"clamp_in_place", "torch.clamp_({}, 0, 1)", "+clamp"},
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
                         testing::Combine(testing::Values(kConv2d, kLinear),
                                          testing::ValuesIn(kTails)),
                         test_name);

// --- Patterns of several layers ----------------------------------------------------------------

struct Pattern {
  const char* name;
  int64_t rank;
  const char* body;
  const char* summary;
};

void PrintTo(const Pattern& pattern, std::ostream* out) { *out << pattern.body; }

class Patterns : public testing::TestWithParam<Pattern> {};

TEST_P(Patterns, GiveThesePartitionsAndNumbers) {
  const Pattern& pattern = GetParam();
  const auto result = convert_and_run(small_model(pattern.body), {small_input(pattern.rank)});
  EXPECT_EQ(result.summary, pattern.summary);
  expect_right_numbers(result);
}

const Pattern kPatterns[] = {
    // Batch norm is folded.
    {"conv1d_batch_norm", 3, "return self.batch_norm(self.conv1d(x))", "quantize | dequantize+conv1d"},
    {"conv2d_batch_norm", 4, "return self.batch_norm(self.conv2d(x))", "quantize | dequantize+conv2d"},
    {"conv3d_batch_norm", 5, "return self.batch_norm(self.conv3d(x))", "quantize | dequantize+conv3d"},
    {"conv2d_no_bias_batch_norm", 4, "return self.batch_norm(self.conv2d_no_bias(x))",
     "quantize | dequantize+conv2d"},
    {"conv2d_batch_norm_relu", 4,
     "return self.exact_conv2d(torch.relu(self.batch_norm(self.conv2d(x))))",
     "quantize | dequantize+conv2d+relu+quantize | dequantize+conv2d"},
    {"conv2d_batch_norm_relu_in_place", 4,
     "return self.exact_conv2d(torch.relu_(self.batch_norm(self.conv2d(x))))",
     "quantize | dequantize+conv2d+relu+quantize | dequantize+conv2d"},
    {"linear_batch_norm", 2, "return self.batch_norm(self.linear(x))",
     "quantize | dequantize+linear"},
    {"conv_transpose2d_batch_norm", 4, "return self.batch_norm(self.conv_transpose2d(x))",
     "quantize | dequantize+conv_transpose2d"},
    {"conv2d_scaled_and_shifted", 4, "return self.conv2d(x) * self.scale.view(8, 1, 1) + 2",
     "quantize | dequantize+conv2d"},

    // Sums.
    {"sum_right", 4, "return self.exact_conv2d(x + self.conv2d(x))",
     "quantize | dequantize+conv2d+dequantize+add+quantize | dequantize+conv2d"},
    {"sum_left", 4, "return self.exact_conv2d(self.conv2d(x) + x)",
     "quantize | dequantize+conv2d+dequantize+add+quantize | dequantize+conv2d"},
    {"sum_relu", 4, "return self.exact_conv2d(torch.relu(self.conv2d(x) + x))",
     "quantize | dequantize+conv2d+dequantize+add+relu+quantize | dequantize+conv2d"},
    {"sum_relu_right", 4, "return self.exact_conv2d(torch.relu(x + self.conv2d(x)))",
     "quantize | dequantize+conv2d+dequantize+add+relu+quantize | dequantize+conv2d"},
    {"sum_in_place", 4, "y = self.conv2d(x)\ny += x\nreturn self.exact_conv2d(torch.relu_(y))",
     "quantize | dequantize+conv2d+dequantize+add+relu+quantize | dequantize+conv2d"},
    {"batch_norm_sum_relu", 4,
     "return self.exact_conv2d(torch.relu(self.batch_norm(self.conv2d(x)) + x))",
     "quantize | dequantize+conv2d+dequantize+add+relu+quantize | dequantize+conv2d"},
    {"sum_of_two_layers", 4, "return self.exact_conv2d(self.conv2d(x) + self.conv2d_second(x))",
     "quantize | dequantize+conv2d+quantize | dequantize+conv2d+dequantize+add+quantize | "
     "dequantize+conv2d"},
    {"linear_sum", 2, "return self.exact_linear(self.linear(x) + x)",
     "quantize | dequantize+linear+dequantize+add+quantize | dequantize+linear"},
    {"linear_sum_right_relu", 2, "return self.exact_linear(torch.relu(x + self.linear(x)))",
     "quantize | dequantize+linear+dequantize+add+relu+quantize | dequantize+linear"},
    {"linear_dropout_sum", 2,
     "return self.exact_linear(torch.dropout(self.linear(x), 0.1, False) + x)",
     "quantize | dequantize+linear+dequantize+add+quantize | dequantize+linear"},
    {"sums_in_a_row", 4,
     "y = self.conv2d(x) + x\nz = self.conv2d_second(y) + y\nreturn self.exact_conv2d(z)",
     "quantize | dequantize+conv2d+dequantize+add+quantize | "
     "dequantize+conv2d+dequantize+add+quantize | dequantize+conv2d"},
    {"sum_to_fp32", 4, "return self.conv2d(x) + x", "?"},
    {"sum_of_no_layer", 4, "return self.exact_conv2d(x + x.abs())",
     "aten::abs | aten::add | quantize | dequantize+conv2d"},

    // Gates.
    {"conv_sigmoid_mul", 4, "y = self.conv2d(x)\nreturn self.exact_conv2d(torch.sigmoid(y) * y)",
     "quantize | dequantize+conv2d+sigmoid+mul+quantize | dequantize+conv2d"},

    // Pools.
    {"max_pool1d", 3, "return self.exact_conv1d(torch.max_pool1d(self.conv1d(x), [2]))", "?"},
    {"max_pool2d", 4, "return self.exact_conv2d(torch.max_pool2d(self.conv2d(x), [2, 2]))",
     "quantize | dequantize+conv2d+quantize | dequantize+max_pool2d+quantize | dequantize+conv2d"},
    {"max_pool2d_ceil", 4,
     "return self.exact_conv2d(torch.max_pool2d(self.conv2d(x), [3, 3], [2, 2], [1, 1], [1, 1], "
     "True))",
     "quantize | dequantize+conv2d+quantize | dequantize+max_pool2d+quantize | dequantize+conv2d"},
    {"max_pool3d", 5, "return self.exact_conv3d(torch.max_pool3d(self.conv3d(x), [2, 2, 2]))", "?"},
    {"avg_pool1d", 3, "return self.exact_conv1d(torch.avg_pool1d(self.conv1d(x), [2]))", "?"},
    {"avg_pool2d", 4, "return self.exact_conv2d(torch.avg_pool2d(self.conv2d(x), [2, 2]))",
     "quantize | dequantize+conv2d+quantize | dequantize+avg_pool2d+quantize | dequantize+conv2d"},
    {"avg_pool2d_padded", 4,
     "return self.exact_conv2d(torch.avg_pool2d(self.conv2d(x), [3, 3], [2, 2], [1, 1], False, "
     "False))",
     "quantize | dequantize+conv2d+quantize | dequantize+avg_pool2d+quantize | dequantize+conv2d"},
    {"avg_pool2d_padded_counting_zeros", 4,
     "return self.exact_conv2d(torch.avg_pool2d(self.conv2d(x), [3, 3], [2, 2], [1, 1]))",
     "quantize | dequantize+conv2d+quantize | dequantize+avg_pool2d+quantize | dequantize+conv2d"},
    {"avg_pool3d", 5, "return self.exact_conv3d(torch.avg_pool3d(self.conv3d(x), [2, 2, 2]))", "?"},
    {"pool_flatten_linear", 4,
     "y = torch.max_pool2d(self.conv2d(x), [6, 5])\nreturn self.exact_linear(torch.flatten(y, 1))",
     "quantize | dequantize+conv2d+quantize | dequantize+max_pool2d+quantize | aten::flatten | "
     "dequantize+linear"},
    {"adaptive_pool", 4,
     "y = torch.adaptive_avg_pool2d(torch.relu(self.conv2d(x)), [1, 1])\n"
     "return self.exact_linear(torch.flatten(y, 1))",
     "?"},
    {"mean", 4, "return self.exact_linear(torch.relu(self.conv2d(x)).mean([2, 3]))",
     "quantize | dequantize+conv2d+relu | aten::mean | quantize | dequantize+linear"},

    // Joins.
    {"cat", 4,
     "y = torch.cat([torch.relu(self.conv2d(x)), torch.relu(self.conv2d_second(x))], 2)\n"
     "return self.exact_conv2d(y)",
     "quantize | dequantize+conv2d+relu+quantize | dequantize+conv2d+relu+quantize | "
     "dequantize+dequantize+cat+quantize | dequantize+conv2d"},
    {"cat_of_fp32", 4, "return self.exact_conv2d(torch.cat([x, x.abs()], 2))",
     "aten::abs | aten::cat | quantize | dequantize+conv2d"},

    // Views between int8 neighbours.
    {"view", 4, "y = torch.relu(self.conv2d(x)).view(2, 8, 30, 1)\nreturn self.exact_conv2d(y)", "?"},
    {"reshape", 4,
     "y = torch.relu(self.conv2d(x)).reshape(2, 8, 30, 1)\nreturn self.exact_conv2d(y)", "?"},
    {"transpose", 3, "return self.exact_linear(self.conv1d(x).transpose(1, 2))", "?"},
    {"permute", 4, "return self.exact_linear(self.conv2d(x).permute(0, 2, 3, 1))", "?"},
    {"contiguous", 4, "return self.exact_conv2d(self.conv2d(x).contiguous())", "?"},
    {"slice", 4, "return self.exact_conv2d(self.conv2d(x)[:, :, 1:4])", "?"},
    {"flatten", 4, "return self.exact_linear(torch.flatten(self.conv2d(x).permute(0, 2, 3, 1), 0, 2))",
     "?"},
    {"upsample", 4,
     "return self.exact_conv2d(torch.upsample_nearest2d(torch.relu(self.conv2d(x)), [12, 10]))",
     "?"},

    // Products of two activations.
    {"matmul", 3, "return torch.matmul(x, x.transpose(1, 2))", "?"},
    {"bmm", 3, "return torch.bmm(x, x.transpose(1, 2))", "?"},
    {"bmm_div", 3, "return torch.bmm(x, x.transpose(1, 2)) / 8.0", "?"},
    {"bmm_div_one", 3, "return torch.bmm(x, x.transpose(1, 2)) / 1", "?"},
    {"matmul_div_tensor", 3, "return torch.matmul(x, x.transpose(1, 2)) / self.scale", "?"},
    {"matmul_div_mask", 3, "return torch.matmul(x, x.transpose(1, 2)) / 8.0 + self.b", "?"},
    {"matmul_of_linears", 3,
     "y = x.transpose(1, 2)\nreturn torch.matmul(self.linear(y), self.linear_second(y).transpose(1, "
     "2))",
     "?"},

    // What has no int8 form stays with PyTorch.
    {"batch_norm_alone", 4, "return self.exact_conv2d(torch.relu(self.batch_norm(x)))",
     "aten::batch_norm | aten::relu | quantize | dequantize+conv2d"},
    {"unknown_operator", 4, "return self.exact_conv2d(torch.flip(torch.relu(self.conv2d(x)), [2]))",
     "quantize | dequantize+conv2d+relu | aten::flip | quantize | dequantize+conv2d"},
    {"residual_of_two_readers", 4, "y = self.conv2d(x)\nreturn self.exact_conv2d(torch.relu(y)) + y.sum()",
     "?"},
    {"shared_input", 4, "return self.conv2d(x) * self.conv2d_second(x)", "?"},
    {"chain", 4,
     "return self.exact_conv2d(torch.relu(self.conv2d_second(torch.relu(self.conv2d(x)))))",
     "quantize | dequantize+conv2d+relu+quantize | dequantize+conv2d+relu+quantize | "
     "dequantize+conv2d"},
    {"several_elementwise", 4,
     "return self.exact_conv2d(torch.sigmoid(torch.tanh(torch.relu(self.conv2d(x)))))", "?"},
};

INSTANTIATE_TEST_SUITE_P(Fusion, Patterns, testing::ValuesIn(kPatterns),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace int8graph
