#include "executor/conv_plan.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>

#include "testing/depthwise.h"
#include "testing/ir.h"

namespace int8graph {
namespace {

using dnnl::algorithm;

using Sizes = std::vector<int64_t>;

/// A convolution of %x, then `rest`, which makes %result of %z.
std::optional<ConvPlan> plan_of(const std::string& rest, const std::string& convolution = R"IR(
  %z = aten::conv2d(%y, %v, %b, %strides, %pads, %dilations, %groups))IR",
                                const Sizes& weight = {6, 4, 3, 2}) {
  const auto graph = ir(R"IR(
graph(%x, %other, %w, %b):
  %scale : float = prim::Constant[value=0.5]()
  %quarter : float = prim::Constant[value=0.25]()
  %zero_point : int = prim::Constant[value=3]()
  %u8 : int = prim::Constant[value=13]()
  %one : int = prim::Constant[value=1]()
  %strides : int[] = prim::Constant[value=[2, 1]]()
  %pads : int[] = prim::Constant[value=[1, 2]]()
  %dilations : int[] = prim::Constant[value=[1, 3]]()
  %groups : int = prim::Constant[value=2]()
  %y = int8graph::dequantize(%x, %scale, %zero_point, %u8)
  %s = int8graph::dequantize(%other, %quarter, %zero_point, %u8)
  %v = aten::dequantize(%w)
  )IR" + convolution + "\n  " +
                            rest + "\n  return (%result)\n",
                        {{"w", int8_weight(weight)}, {"b", at::ones({6})}});
  return conv_plan(*graph);
}

/// Instead of the one in two groups.
const std::string kDense = R"IR(
  %z = aten::conv2d(%y, %v, %b, %strides, %pads, %dilations, %one))IR";

const std::string kQuantized =
    "\n  %result = aten::quantize_per_tensor(%a, %scale, %zero_point, %u8)";

TEST(ConvPlan, ReadsAConvolution) {
  const auto plan = plan_of("%result = aten::relu(%z)");
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->source.argument, 0);
  EXPECT_EQ(plan->source.parameters, (QuantizerParameters{0.5, 3, 13}));
  EXPECT_EQ(plan->strides, (Sizes{2, 1}));
  EXPECT_EQ(plan->pads_begin, (Sizes{1, 2}));
  EXPECT_EQ(plan->pads_end, (Sizes{1, 2}));
  EXPECT_EQ(plan->dilations, (Sizes{1, 3}));
  EXPECT_EQ(plan->groups, 2);
  EXPECT_EQ(plan->input_channels(), 8);
  EXPECT_EQ(plan->layer.scales.numel(), 6);
  EXPECT_TRUE(plan->layer.bias.defined());
  ASSERT_EQ(plan->post_ops.size(), 1);
  EXPECT_EQ(plan->post_ops[0].algorithm, algorithm::eltwise_relu);
  EXPECT_FALSE(plan->summand());
  EXPECT_EQ(plan->quantizer, nullptr);
}

TEST(ConvPlan, PutsTheSourcesZeroPointIntoTheBiasWhereNothingIsPadded) {
  const auto plan = plan_of("%result = aten::relu(%z)", R"IR(
  %none : int[] = prim::Constant[value=[0, 0]]()
  %z = aten::conv2d(%y, %v, %b, %strides, %none, %dilations, %groups))IR");
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->source.parameters, (QuantizerParameters{0.5, 0, 13}));
  const at::Tensor sums = plan->layer.weight.dequantize().sum({1, 2, 3});
  EXPECT_TRUE(at::allclose(plan->layer.bias, 1 - 0.5 * 3 * sums));
}

TEST(ConvPlan, ReadsASummandInInt8OnEitherSide) {
  for (const char* sum : {"%a = aten::add(%z, %s, %one)", "%a = aten::add(%s, %z, %one)"}) {
    const auto plan = plan_of(sum + kQuantized);
    ASSERT_TRUE(plan) << sum;
    EXPECT_EQ(plan->summand(), 1);
    EXPECT_TRUE(plan->in_steps);
    EXPECT_EQ(plan->post_ops[0].int8->parameters, (QuantizerParameters{0.5, 3, 13}));  // 0.25 / 0.5
  }
}

TEST(ConvPlan, TellsTheResultsSizes) {
  const auto plan = plan_of("%result = aten::relu(%z)").value();
  const at::Tensor weight = at::ones({6, 4, 3, 2});
  for (const Sizes& source : {Sizes{1, 8, 1, 1}, Sizes{2, 8, 7, 5}, Sizes{3, 8, 32, 9}}) {
    const auto expected = at::conv2d(at::ones(source), weight, {}, {2, 1}, {1, 2}, {1, 3}, 2);
    EXPECT_EQ(plan.result_sizes(source), expected.sizes().vec());
  }
}

const std::string kUnpadded = R"IR(
  %none : int[] = prim::Constant[value=[0, 0]]()
  %z = aten::conv2d(%y, %v, %b, %strides, %none, %dilations, %groups))IR";

TEST(ConvPlan, StepsByOneOverWhatAKernelOfOneElementReads) {
  const auto plan = plan_of("%result = aten::relu(%z)", kUnpadded, {6, 32, 1, 1});
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->strides, (Sizes{1, 1}));
  EXPECT_EQ(plan->subsampling, (Sizes{2, 1}));
  const at::Tensor weight = at::ones({6, 32, 1, 1});
  for (const Sizes& source : {Sizes{1, 64, 1, 1}, Sizes{2, 64, 7, 5}, Sizes{3, 64, 32, 9}}) {
    const auto expected = at::conv2d(at::ones(source), weight, {}, {2, 1}, Sizes{0, 0}, {1, 3}, 2);
    EXPECT_EQ(plan->result_sizes(source), expected.sizes().vec());
  }
}

TEST(ConvPlan, StepsOverItsSourceOtherwise) {
  for (const auto& plan :
       {plan_of("%result = aten::relu(%z)"),                              // padded, 3 x 2
        plan_of("%result = aten::relu(%z)", kUnpadded, {6, 32, 1, 2}),    //
        plan_of("%result = aten::relu(%z)", kUnpadded, {6, 4, 1, 1})}) {  // of few channels
    ASSERT_TRUE(plan);
    EXPECT_EQ(plan->strides, (Sizes{2, 1}));
    EXPECT_EQ(plan->subsampling, (Sizes{1, 1}));
  }
}

TEST(ConvPlan, TellsTheResultsSizesOfATransposedOneToo) {
  const auto graph = ir(R"IR(
graph(%x, %w):
  %scale : float = prim::Constant[value=0.5]()
  %three : int = prim::Constant[value=3]()
  %u8 : int = prim::Constant[value=13]()
  %none : NoneType = prim::Constant()
  %strides : int[] = prim::Constant[value=[2, 3]]()
  %pads : int[] = prim::Constant[value=[0, 0]]()
  %output_padding : int[] = prim::Constant[value=[1, 2]]()
  %dilations : int[] = prim::Constant[value=[1, 2]]()
  %groups : int = prim::Constant[value=2]()
  %y = int8graph::dequantize(%x, %scale, %three, %u8)
  %v = aten::dequantize(%w)
  %z = aten::conv_transpose2d(%y, %v, %none, %strides, %pads, %output_padding, %groups, %dilations)
  return (%z)
)IR",
                        {{"w", int8_weight({8, 3, 3, 2}, 1)}});
  const auto plan = conv_plan(*graph);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->input_channels(), 8);
  EXPECT_EQ(plan->output_channels(), 6);
  EXPECT_EQ(plan->layer.scales.numel(), 6);          // those of one group, twice
  EXPECT_EQ(plan->source.parameters.zero_point, 3);  // not every weight is in every result
  for (const Sizes& source : {Sizes{1, 8, 1, 1}, Sizes{2, 8, 7, 5}}) {
    const auto expected = at::conv_transpose2d(at::ones(source), at::ones({8, 3, 3, 2}), {}, {2, 3},
                                               {0, 0}, {1, 2}, 2, {1, 2});
    EXPECT_EQ(plan->result_sizes(source), expected.sizes().vec());
  }
  EXPECT_FALSE(plan->result_sizes({1, 6, 7, 5}));
}

TEST(ConvPlan, AndThatThereIsNone) {
  const auto plan = plan_of("%result = aten::relu(%z)").value();
  EXPECT_FALSE(plan.result_sizes({2, 7, 7, 5}));     // channels
  EXPECT_FALSE(plan.result_sizes({8, 7, 5}));        // rank
  EXPECT_FALSE(plan.result_sizes({1, 2, 8, 7, 5}));  // rank
  const auto unpadded = plan_of("%result = aten::relu(%z)", R"IR(
  %none : int[] = prim::Constant[value=[0, 0]]()
  %z = aten::conv2d(%y, %v, %b, %strides, %none, %dilations, %groups))IR");
  EXPECT_TRUE(unpadded->result_sizes({1, 8, 3, 4}));
  EXPECT_FALSE(unpadded->result_sizes({1, 8, 2, 4}));
}

std::vector<algorithm> algorithms_of(const ConvPlan& plan) {
  std::vector<algorithm> algorithms;
  for (const PostOp& op : plan.post_ops) algorithms.push_back(op.algorithm);
  return algorithms;
}

TEST(ConvPlan, ReadsAnOperandInFp32) {
  const auto plan = plan_of("%result = aten::mul(%other, %z)", kDense);
  ASSERT_TRUE(plan);
  EXPECT_EQ(algorithms_of(*plan), std::vector{algorithm::binary_mul});
  EXPECT_EQ(plan->post_ops[0].argument, 1);
  EXPECT_EQ(plan->post_ops[0].dtype, c10::kFloat);
}

TEST(ConvPlan, ReadsASummandThatCantLieInTheResultAsIntegers) {
  const std::vector on_integers = {algorithm::eltwise_linear, algorithm::binary_add,
                                   algorithm::eltwise_linear};
  const auto in_fp32 = plan_of("%result = aten::add(%z, %s, %one)", kDense);
  ASSERT_TRUE(in_fp32);
  EXPECT_EQ(algorithms_of(*in_fp32), on_integers);
  EXPECT_EQ(in_fp32->post_ops[1].dtype, c10::kQUInt8);
  EXPECT_EQ(in_fp32->post_ops[2].beta, -0.75F);  // 0.25 * 3
  EXPECT_FALSE(in_fp32->summand());

  const auto twice =
      plan_of("%c = aten::add(%z, %s, %one)\n  %a = aten::sub(%c, %s, %one)" + kQuantized, kDense);
  ASSERT_TRUE(twice);
  EXPECT_EQ(algorithms_of(*twice), (std::vector{algorithm::binary_add, algorithm::eltwise_linear,
                                                algorithm::binary_sub, algorithm::eltwise_linear}));
  EXPECT_EQ(twice->summand(), 1);
  EXPECT_EQ(twice->post_ops[3].beta, 0.75F);
}

bool has_depthwise_plan(int64_t channels, const std::string& rest) {
  return conv_plan(*depthwise_convolution(channels, rest)).has_value();
}

TEST(ConvPlan, LeavesOperandsOfDepthwiseOnesToOneDnnGraphUnlessTheyFillVectors) {
  const std::string prelu = "%result = aten::prelu(%z, %slopes)";
  const std::string sum = "%result = aten::add(%z, %other, %one)";
  for (const int64_t channels : {2, 8, 12, 17, 24}) {
    EXPECT_FALSE(has_depthwise_plan(channels, prelu)) << channels;
    EXPECT_FALSE(has_depthwise_plan(channels, sum)) << channels;
    EXPECT_TRUE(has_depthwise_plan(channels, "%result = aten::relu(%z)")) << channels;
    EXPECT_TRUE(has_depthwise_plan(channels, R"IR(%a = aten::add(%z, %s, %one)
  %result = aten::quantize_per_tensor(%a, %scale, %zero, %u8))IR"));
  }
  EXPECT_TRUE(has_depthwise_plan(16, prelu));
  EXPECT_TRUE(has_depthwise_plan(48, sum));
}

TEST(ConvPlan, LeavesOtherFormsToOneDnnGraph) {
  EXPECT_FALSE(plan_of("%a = aten::mul(%z, %s)" + kQuantized, kDense));  // a product in int8
  EXPECT_FALSE(plan_of("%result = aten::sub(%s, %z, %one)"));            // turned round
  EXPECT_FALSE(plan_of("%result = aten::add(%z, %z, %one)"));            // no chain
  EXPECT_FALSE(plan_of("%result = aten::relu(%z)", "%z = aten::linear(%y, %v, %b)"));
}

}  // namespace
}  // namespace int8graph
