#include "executor/weight_and_bias.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "testing/ir.h"

namespace int8graph {
namespace {

constexpr QuantizerParameters kSource = {0.25, 114, 13};

/// The source's integers, as numbers.
at::Tensor integers(at::IntArrayRef sizes) {
  at::manual_seed(1);
  return at::randint(0, 256, sizes, at::kFloat);
}

at::Tensor dequantized(const at::Tensor& integers, const QuantizerParameters& parameters) {
  return (integers - parameters.zero_point) * parameters.scale;
}

WeightAndBias layer_of(const at::Tensor& weight, int64_t channel_axis) {
  return {weight, weight.q_per_channel_scales().to(at::kFloat),
          at::arange(weight.size(channel_axis)).to(at::kFloat)};
}

TEST(FoldZeroPoint, KeepsWhatAConvolutionComputes) {
  const at::Tensor x = integers({2, 6, 5, 4});
  for (const bool channels_last : {false, true}) {
    const at::Tensor weight = int8_weight({4, 3, 3, 2});
    const WeightAndBias before = layer_of(weight, 0);
    WeightAndBias layer = before;
    if (channels_last) layer.weight = weight.contiguous(at::MemoryFormat::ChannelsLast);
    QuantizerParameters source = kSource;
    fold_zero_point(source, layer, 0);
    EXPECT_EQ(source, (QuantizerParameters{kSource.scale, 0, kSource.dtype}));
    const auto run = [&](const QuantizerParameters& parameters, const at::Tensor& bias) {
      return at::convolution(dequantized(x, parameters), weight.dequantize(), bias, {1, 1}, {0, 0},
                             {1, 1}, false, {0, 0}, 2);
    };
    EXPECT_TRUE(at::allclose(run(source, layer.bias), run(kSource, before.bias), 1e-4, 1e-3));
  }
}

TEST(FoldZeroPoint, KeepsWhatALinearLayerComputesWhicheverAxisItsColumnsAre) {
  const at::Tensor x = integers({7, 6});
  for (const int64_t axis : {0, 1}) {
    const at::Tensor weight = axis == 0 ? int8_weight({5, 6}) : int8_weight({6, 5}, 1);
    const WeightAndBias before = layer_of(weight, axis);
    WeightAndBias layer = before;
    QuantizerParameters source = kSource;
    fold_zero_point(source, layer, axis);
    const at::Tensor matrix = axis == 0 ? weight.dequantize().t() : weight.dequantize();
    const at::Tensor expected = at::addmm(before.bias, dequantized(x, kSource), matrix);
    EXPECT_TRUE(
        at::allclose(at::addmm(layer.bias, dequantized(x, source), matrix), expected, 1e-4, 1e-3));
  }
}

TEST(FoldZeroPoint, MakesABiasWhereThereIsNoneAndTakesOneScaleForAll) {
  const at::Tensor weight = at::quantize_per_tensor(at::randn({5, 6}), 0.02, 0, at::kQInt8);
  WeightAndBias layer = {weight, at::full({1}, 0.02F), {}};
  QuantizerParameters source = kSource;
  fold_zero_point(source, layer, 0);
  const at::Tensor expected = weight.dequantize().sum(1) * (-0.25 * 114);
  EXPECT_TRUE(at::allclose(layer.bias, expected, 1e-4, 1e-3));
}

TEST(FoldZeroPoint, LeavesALayerWhoseSourceHasNone) {
  WeightAndBias layer = {int8_weight({5, 6}), at::ones({5}), {}};
  QuantizerParameters source = {0.25, 0, 13};
  fold_zero_point(source, layer, 0);
  EXPECT_FALSE(layer.bias.defined());
}

}  // namespace
}  // namespace int8graph
