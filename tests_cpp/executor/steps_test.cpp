#include "executor/steps.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "executor/tensor_bridge.h"
#include "testing/ir.h"

namespace int8graph {
namespace {

using dnnl::algorithm;

constexpr double kScale = 0.25;

at::QuantizerPtr quantizer(int64_t zero_point) {
  return make_quantizer({.scale = kScale, .zero_point = zero_point, .dtype = 13});
}

/// A layer of three channels, and whether it computes in steps.
struct Layer {
  Layer(const at::QuantizerPtr& quantizer, std::vector<PostOp> ops, const at::Tensor& bias = {})
      : post_ops(std::move(ops)) {
    weight_and_bias = {int8_weight({3, 4}), at::full({3}, 0.5F), bias};
    in_steps = compute_in_steps(quantizer, 3, source, weight_and_bias, post_ops);
  }

  QuantizerParameters source{0.125, 7, 13};
  WeightAndBias weight_and_bias;
  std::vector<PostOp> post_ops;
  bool in_steps;
};

TEST(Steps, TakeInTheScalesAndTheZeroPoint) {
  const Layer layer(quantizer(9), {}, at::full({3}, 2.F));
  ASSERT_TRUE(layer.in_steps);
  EXPECT_EQ(layer.source, (QuantizerParameters{1, 7, 13}));
  EXPECT_TRUE(at::equal(layer.weight_and_bias.scales, at::full({3}, 0.25F)));  // 0.125 * 0.5 / 0.25
  EXPECT_TRUE(at::equal(layer.weight_and_bias.bias, at::full({3}, 17.F)));     // 2 / 0.25 + 9
}

TEST(Steps, MakeABiasWhereThereIsNone) {
  const Layer layer(quantizer(9), {});
  EXPECT_TRUE(at::equal(layer.weight_and_bias.bias, at::full({3}, 9.F)));
}

TEST(Steps, AreWhatSumsAndClampsCountIn) {
  const PostOp sum{.algorithm = algorithm::binary_add,
                   .int8 = QuantizedInput{1, {.scale = 0.5, .zero_point = 3, .dtype = 13}}};
  const PostOp clamp{.algorithm = algorithm::eltwise_clip_v2, .alpha = 0, .beta = 6};
  const Layer layer(quantizer(9), {sum, clamp});
  ASSERT_TRUE(layer.in_steps);
  EXPECT_EQ(layer.post_ops[0].int8->parameters, (QuantizerParameters{2, 3, 13}));
  EXPECT_EQ(layer.post_ops[1].alpha, 9);
  EXPECT_EQ(layer.post_ops[1].beta, 33);
}

TEST(Steps, LeaveClampsOpenThatAre) {
  const PostOp clamp{.algorithm = algorithm::eltwise_clip_v2, .alpha = -INFINITY, .beta = INFINITY};
  const Layer layer(quantizer(9), {clamp});
  ASSERT_TRUE(layer.in_steps);
  EXPECT_EQ(layer.post_ops[0].alpha, -INFINITY);
  EXPECT_EQ(layer.post_ops[0].beta, INFINITY);
}

TEST(Steps, GoThroughReLUUnlessZeroIsElsewhere) {
  const PostOp relu{.algorithm = algorithm::eltwise_relu};
  EXPECT_TRUE(Layer(quantizer(0), {relu}).in_steps);
  EXPECT_FALSE(Layer(quantizer(9), {relu}).in_steps);
}

TEST(Steps, AreNotBeforeWhatIsCurvedOrReadsOtherTensors) {
  const std::vector<PostOp> others = {
      {.algorithm = algorithm::eltwise_gelu_erf},
      {.algorithm = algorithm::eltwise_relu, .alpha = 0.1F},
      {.algorithm = algorithm::binary_add, .argument = 1},
      {.algorithm = algorithm::undef, .by_channel = at::ones({3})},
  };
  for (const PostOp& other : others) {
    const Layer layer(quantizer(0), {other}, at::ones({3}));
    EXPECT_FALSE(layer.in_steps);
    EXPECT_EQ(layer.source.scale, 0.125);
    EXPECT_TRUE(at::equal(layer.weight_and_bias.bias, at::ones({3})));
  }
}

TEST(Steps, AreNotOfAResultInFp32OrWhereTheyOverflow) {
  EXPECT_FALSE(Layer(nullptr, {}).in_steps);
  const auto tiny = make_quantizer({.scale = 1e-37, .zero_point = 0, .dtype = 13});
  EXPECT_FALSE(Layer(tiny, {}, at::full({3}, 1e4F)).in_steps);
}

}  // namespace
}  // namespace int8graph
