#include "executor/linear_plan.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>

#include <cmath>

#include "testing/ir.h"

namespace int8graph {
namespace {

using dnnl::algorithm;

/// A linear layer of 3 inputs and 5 outputs, then `rest`, which makes %result of %z.
std::optional<LinearPlan> plan_of(const std::string& rest) {
  const auto graph = ir(
      R"IR(
graph(%x, %other, %w, %b, %half):
  %scale : float = prim::Constant[value=0.5]()
  %zero_point : int = prim::Constant[value=3]()
  %u8 : int = prim::Constant[value=13]()
  %one : int = prim::Constant[value=1]()
  %none : str = prim::Constant[value="none"]()
  %y = int8graph::dequantize(%x, %scale, %zero_point, %u8)
  %v = aten::dequantize(%w)
  %z = aten::linear(%y, %v, %b)
  )IR" + rest +
          "\n  return (%result)\n",
      {{"w", int8_weight({5, 3})}, {"b", at::ones({5})}, {"half", at::full({}, 0.5F)}});
  return linear_plan(*graph);
}

std::vector<algorithm> algorithms_of(const LinearPlan& plan) {
  std::vector<algorithm> result;
  for (const auto& op : plan.post_ops) result.push_back(op.algorithm);
  return result;
}

TEST(LinearPlan, ReadsALinearLayer) {
  const auto plan = plan_of("%result = aten::relu(%z)");
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->source.argument, 0);
  EXPECT_EQ(plan->source.parameters, (QuantizerParameters{0.5, 0, 13}));  // 3 is in the bias
  EXPECT_EQ(plan->inner_size(), 3);
  EXPECT_EQ(plan->outer_size(), 5);
  EXPECT_EQ(plan->layer.scales.numel(), 5);
  const at::Tensor sums = plan->layer.weight.dequantize().sum(1);
  EXPECT_TRUE(at::allclose(plan->layer.bias, 1 - 0.5 * 3 * sums));
  EXPECT_EQ(algorithms_of(*plan), (std::vector{algorithm::eltwise_relu}));
  EXPECT_EQ(plan->quantizer, nullptr);
}

TEST(LinearPlan, ReadsItsQuantizer) {
  const auto plan = plan_of("%result = aten::quantize_per_tensor(%z, %scale, %zero_point, %u8)");
  ASSERT_TRUE(plan);
  ASSERT_NE(plan->quantizer, nullptr);
  EXPECT_EQ(plan->quantizer->scalar_type(), at::kQUInt8);
}

TEST(LinearPlan, ReadsOperandsOnEitherSide) {
  const auto plan = plan_of(R"IR(%g = aten::gelu(%z, %none)
  %s = aten::add(%other, %g, %one)
  %result = aten::div(%s, %half))IR");
  ASSERT_TRUE(plan);
  EXPECT_EQ(algorithms_of(*plan), (std::vector{algorithm::eltwise_gelu_erf, algorithm::binary_add,
                                               algorithm::eltwise_linear}));
  EXPECT_EQ(plan->post_ops[1].argument, 1);
  EXPECT_EQ(plan->post_ops[2].alpha, 2);  // divided by a half
}

TEST(LinearPlan, ReadsTheLargerOrSmallerOfANumberAsAClampThatIsOpen) {
  const auto plan = plan_of(R"IR(%m = aten::maximum(%z, %half)
  %result = aten::minimum(%m, %half))IR");
  ASSERT_TRUE(plan);
  ASSERT_EQ(algorithms_of(*plan), (std::vector(2, algorithm::eltwise_clip_v2)));
  EXPECT_EQ(plan->post_ops[0].alpha, 0.5F);
  EXPECT_EQ(plan->post_ops[0].beta, INFINITY);
  EXPECT_EQ(plan->post_ops[1].alpha, -INFINITY);
  EXPECT_EQ(plan->post_ops[1].beta, 0.5F);
}

TEST(LinearPlan, ReadsXTimesSigmoidOfXAsSwish) {
  const auto plan = plan_of("%s = aten::sigmoid(%z)\n  %result = aten::mul(%z, %s)");
  ASSERT_TRUE(plan);
  EXPECT_EQ(algorithms_of(*plan), (std::vector{algorithm::eltwise_swish}));
}

TEST(LinearPlan, ReadsASwishThatIsSteeper) {
  const auto plan = plan_of(R"IR(%m = aten::mul(%z, %half)
  %g = aten::sigmoid(%m)
  %result = aten::mul(%g, %z))IR");
  ASSERT_TRUE(plan);
  ASSERT_EQ(algorithms_of(*plan), (std::vector{algorithm::eltwise_swish}));
  EXPECT_EQ(plan->post_ops[0].alpha, 0.5F);
}

TEST(LinearPlan, LeavesAGateOfSomethingElseToOneDnnGraph) {
  EXPECT_FALSE(plan_of(R"IR(%m = aten::add(%z, %half, %one)
  %g = aten::sigmoid(%m)
  %result = aten::mul(%g, %z))IR"));
}

TEST(LinearPlan, LeavesOtherFormsToOneDnnGraph) {
  EXPECT_FALSE(plan_of("%result = aten::linear(%y, %v, %half)"));     // a bias for all columns
  EXPECT_FALSE(plan_of("%result = aten::softmax(%z, %one, %none)"));  // no post-op
  EXPECT_FALSE(plan_of("%result = aten::div(%other, %z)"));           // does not commute
  EXPECT_FALSE(plan_of("%result = aten::mul(%z, %z)"));               // no operand of its own
  EXPECT_FALSE(plan_of("%s = aten::relu(%z)\n  %result = aten::relu(%z)"));  // two readers
  EXPECT_FALSE(plan_of("%result = aten::linear(%z, %v, %b)"));               // two products
}

}  // namespace
}  // namespace int8graph
