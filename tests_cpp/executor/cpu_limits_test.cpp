#include "executor/cpu_limits.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>

#include "testing/depthwise.h"
#include "testing/ir.h"

namespace int8graph {
namespace {

enum class Source { UInt8, Int8 };

/// Whether `%z = <product>` may saturate, of %y, an activation, and %v, the dequantized weight.
bool may_saturate(const std::string& product, const at::Tensor& weight,
                  Source source = Source::UInt8) {
  const std::string dtype = source == Source::UInt8 ? "13" : "12";
  const auto graph = ir(
      R"IR(
graph(%x, %k, %w):
  %scale : float = prim::Constant[value=0.5]()
  %zero : int = prim::Constant[value=0]()
  %one : int = prim::Constant[value=1]()
  %none : NoneType = prim::Constant()
  %i8 : int = prim::Constant[value=12]()
  %dtype : int = prim::Constant[value=)IR" +
          dtype + R"IR(]()
  %ones : int[] = prim::ListConstruct(%one, %one)
  %zeros : int[] = prim::ListConstruct(%zero, %zero)
  %y = int8graph::dequantize(%x, %scale, %zero, %dtype)
  %s = int8graph::dequantize(%k, %scale, %zero, %i8)
  %v = aten::dequantize(%w)
  %around : int[] = prim::Constant[value=[1, 1]]()
  %constant : str = prim::Constant[value="constant"]()
  %p : Tensor = aten::pad(%y, %around, %constant, %none)
  %z = )IR" +
          product + "\n  return (%z)\n",
      {{"w", weight}});
  EXPECT_FALSE(why_in_fp32(*graph, {}));
  return why_in_fp32(*graph, {.vnni = false}).has_value();
}

constexpr const char* kLinear = "aten::linear(%y, %v, %none)";
constexpr const char* kConv = "aten::conv2d(%y, %v, %none, %ones, %zeros, %ones, %one)";
constexpr const char* kConvTranspose =
    "aten::conv_transpose2d(%y, %v, %none, %ones, %zeros, %zeros, %one, %ones)";
constexpr const char* kMatMul = "aten::matmul(%y, %v)";

/// int8 values with scale 1.
at::Tensor weight(const std::vector<int8_t>& values, at::IntArrayRef sizes) {
  const at::Tensor integers = at::tensor(at::ArrayRef<int8_t>(values), at::kChar).view(sizes);
  return at::_make_per_tensor_quantized_tensor(integers, 1.0, 0);
}

TEST(CpuLimits, SaturationComesOfNeighbouringInputs) {
  EXPECT_TRUE(may_saturate(kLinear, weight({127, 2, -9, 7}, {1, 4})));
  EXPECT_FALSE(may_saturate(kLinear, weight({127, 1, -9, 7}, {1, 4})));
  EXPECT_TRUE(may_saturate(kLinear, weight({9, -100, -29, 7}, {1, 4})));
  EXPECT_FALSE(may_saturate(kLinear, weight({127, -127, 127, -127}, {1, 4})));
}

TEST(CpuLimits, SaturationIsLookedForAlongTheAxisThatIsSummedOver) {
  const at::Tensor two_inputs = weight({127, 127}, {1, 2, 1, 1});
  const at::Tensor two_outputs = weight({127, 127}, {2, 1, 1, 1});
  EXPECT_TRUE(may_saturate(kConv, two_inputs));
  EXPECT_FALSE(may_saturate(kConv, two_outputs));
  EXPECT_FALSE(may_saturate(kConvTranspose, two_inputs));
  EXPECT_TRUE(may_saturate(kConvTranspose, two_outputs));
  EXPECT_TRUE(may_saturate(kMatMul, weight({127, 127}, {2, 1})));
  EXPECT_FALSE(may_saturate(kMatMul, weight({127, 127}, {1, 2})));
  EXPECT_TRUE(may_saturate(kMatMul, weight({127, 127}, {2})));
}

TEST(CpuLimits, NothingSaturatesInDepthwiseConvolutions) {
  EXPECT_FALSE(may_saturate(kConv, weight(std::vector<int8_t>(36, 127), {4, 1, 3, 3})));
}

TEST(CpuLimits, RoundingOfHalvedWeightsCounts) {
  const at::Tensor small = weight({1, 2}, {1, 2, 1, 1});
  EXPECT_TRUE(may_saturate(kConv, small, Source::Int8));
  EXPECT_FALSE(may_saturate(kConv, small, Source::UInt8));
  EXPECT_FALSE(may_saturate(kLinear, weight({1, 2}, {1, 2}), Source::Int8));
}

TEST(CpuLimits, SaturationIsSeenThroughAConvolutionsPadding) {
  const char* padded = "aten::conv2d(%p, %v, %none, %ones, %zeros, %ones, %one)";
  EXPECT_TRUE(may_saturate(padded, weight({127, 127}, {1, 2, 1, 1})));
  EXPECT_FALSE(may_saturate(padded, weight({127, -127}, {1, 2, 1, 1})));
}

TEST(CpuLimits, SaturationIsExpectedOfTwoActivationsAndOfAConstantOnTheLeft) {
  EXPECT_TRUE(may_saturate("aten::matmul(%y, %s)", int8_weight({2, 2})));
  EXPECT_TRUE(may_saturate("aten::bmm(%y, %s)", int8_weight({2, 2})));
  EXPECT_TRUE(may_saturate("aten::matmul(%v, %s)", weight({1, 1}, {1, 2})));
}

TEST(CpuLimits, SaturationNeedsAProductOfInt8) {
  EXPECT_FALSE(may_saturate("aten::relu(%y)", int8_weight({2, 2})));
  EXPECT_FALSE(may_saturate("aten::linear(%x, %v, %none)", weight({127, 127}, {1, 2})));
}

/// Why a softmax is not for this CPU, with a quantizer behind it and without.
std::optional<std::string_view> softmax_reason(const CpuFeatures& cpu, bool is_quantized) {
  const auto graph = ir(std::string(R"IR(
graph(%x):
  %scale : float = prim::Constant[value=0.5]()
  %zero : int = prim::Constant[value=0]()
  %u8 : int = prim::Constant[value=13]()
  %none : NoneType = prim::Constant()
  %y = aten::softmax(%x, %zero, %none)
)IR") + (is_quantized ? "  %q = aten::quantize_per_tensor(%y, %scale, %zero, %u8)\n  return (%q)"
                      : "  return (%y)"));
  return why_in_fp32(*graph, cpu);
}

TEST(CpuLimits, SoftmaxIntoInt8NeedsAvx512) {
  EXPECT_TRUE(softmax_reason({.avx512 = false}, true));
  EXPECT_FALSE(softmax_reason({.avx512 = false}, false));
  EXPECT_FALSE(softmax_reason({.vnni = false}, true));
  EXPECT_FALSE(softmax_reason({}, true));
}

/// Whether it runs in fp32 on any CPU.
bool is_misread(int64_t channels, const std::string& rest) {
  return why_in_fp32(*depthwise_convolution(channels, rest), {}).has_value();
}

TEST(CpuLimits, OperandsOfDepthwiseConvolutionsAreMisreadUnlessChannelsFillVectors) {
  const std::string sum = R"IR(%a = aten::add(%z, %s, %one)
  %result = aten::quantize_per_tensor(%a, %scale, %zero, %u8))IR";
  for (const int64_t channels : {2, 8, 12, 17, 16, 48}) {
    const bool fills_vectors = channels % 16 == 0;
    EXPECT_EQ(is_misread(channels, "%result = aten::prelu(%z, %slopes)"), !fills_vectors);
    EXPECT_EQ(is_misread(channels, "%result = aten::add(%z, %other, %one)"), !fills_vectors);
    EXPECT_EQ(is_misread(channels, "%result = aten::add(%z, %s, %one)"), !fills_vectors);
    EXPECT_FALSE(is_misread(channels, sum));
    EXPECT_FALSE(is_misread(channels, "%result = aten::relu(%z)"));
  }
}

}  // namespace
}  // namespace int8graph
