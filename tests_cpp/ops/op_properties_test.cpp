/// What passes and executor ask of lowered operations.

#include "ops/op_properties.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>

#include "testing/ir.h"

namespace int8graph {
namespace {

/// A layer whose weight is a constant of these sizes.
struct Layer {
  Layer(OpKind kind, const std::vector<int64_t>& weight,
        std::vector<std::pair<Attr, AttrValue>> attrs)
      : graph(ir("graph(%x : Tensor, %w : Tensor):\n  return (%w)", {{"w", at::ones(weight)}})),
        op{kind, {graph->inputs()[0], graph->outputs()[0]}, std::move(attrs)} {}

  std::shared_ptr<torch::jit::Graph> graph;
  LoweredOp op;
};

Layer convolution(const std::vector<int64_t>& weight, int64_t groups) {
  return {OpKind::Convolution, weight, {{Attr::groups, groups}}};
}

TEST(OpProperties, OutputChannels) {
  EXPECT_EQ(output_channels(convolution({6, 4, 3, 3}, 1).op), 6);
  EXPECT_EQ(
      output_channels(Layer(OpKind::ConvTranspose, {6, 4, 3, 3}, {{Attr::groups, int64_t{2}}}).op),
      8);
  EXPECT_EQ(output_channels(Layer(OpKind::MatMul, {6, 4}, {{Attr::transpose_b, true}}).op), 6);
  EXPECT_EQ(output_channels(Layer(OpKind::MatMul, {6, 4}, {}).op), 4);
  EXPECT_EQ(output_channels(Layer(OpKind::Add, {6, 4}, {}).op), std::nullopt);
  const Layer layer(OpKind::MatMul, {6, 4}, {});
  const LoweredOp product{OpKind::MatMul, {layer.op.inputs[0], layer.op.inputs[0]}, {}};
  EXPECT_EQ(output_channels(product), std::nullopt);
}

TEST(OpProperties, OnlyDepthwiseConvolutionsThatDoNotFillAVectorMisreadOperands) {
  EXPECT_TRUE(misreads_operands(convolution({24, 1, 3, 3}, 24).op));
  EXPECT_FALSE(misreads_operands(convolution({32, 1, 3, 3}, 32).op));
  EXPECT_FALSE(misreads_operands(convolution({24, 4, 3, 3}, 1).op));
  EXPECT_FALSE(misreads_operands(convolution({24, 2, 3, 3}, 4).op));
}

TEST(OpProperties, LayersThatTakeAnyPostOps) {
  EXPECT_TRUE(takes_any_post_ops(convolution({24, 4, 3, 3}, 1).op));
  EXPECT_TRUE(takes_any_post_ops(convolution({32, 1, 3, 3}, 32).op));
  EXPECT_FALSE(takes_any_post_ops(convolution({24, 1, 3, 3}, 24).op));
  EXPECT_FALSE(takes_any_post_ops(convolution({24, 2, 3, 3}, 4).op));
  EXPECT_FALSE(takes_any_post_ops(convolution({32, 1, 3, 3, 3}, 32).op));
  EXPECT_TRUE(takes_any_post_ops(Layer(OpKind::MatMul, {6, 4}, {}).op));
  EXPECT_FALSE(takes_any_post_ops(Layer(OpKind::MatMul, {2, 6, 4}, {}).op));
}

TEST(OpProperties, OneNumberAddsNoDimensions) {
  EXPECT_TRUE(is_number(at::ones({})));
  EXPECT_TRUE(is_number(at::ones({1})));
  EXPECT_FALSE(is_number(at::ones({1, 1})));
  EXPECT_FALSE(is_number(at::ones({2})));
}

}  // namespace
}  // namespace int8graph
