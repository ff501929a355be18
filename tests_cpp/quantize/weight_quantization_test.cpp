#include "quantize/weight_quantization.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "testing/messages.h"
#include "testing/small_models.h"

namespace int8graph {
namespace {

class WeightQuantization : public testing::Test {
 protected:
  static OperatorEntry entry(std::vector<double> scales,
                             WeightGranularity granularity = WeightGranularity::PerChannel) {
    OperatorEntry result;
    result.id = 3;
    result.name = "conv2d";
    result.weight_granularity = granularity;
    result.weight_scales = {std::move(scales)};
    return result;
  }

  at::Tensor quantized(const at::Tensor& folded, const OperatorEntry& entry,
                       int64_t axis = 0) const {
    return quantize_weight(weight_, folded, entry, axis, zero_points_);
  }

  at::Tensor weight_ = noise({3, 2, 2, 2});
  at::Tensor zero_points_ = at::zeros({8}, at::kLong);
};

TEST_F(WeightQuantization, IsPyTorchsOwnByChannel) {
  const std::vector<double> scales = {0.01, 0.02, 0.03};
  const at::Tensor result = quantized(weight_, entry(scales));
  const at::Tensor expected = at::quantize_per_channel(weight_, at::tensor(scales, at::kDouble),
                                                       at::zeros({3}, at::kLong), 0, at::kQInt8);
  EXPECT_TRUE(at::equal(result.int_repr(), expected.int_repr()));
  EXPECT_TRUE(at::equal(result.q_per_channel_scales(), expected.q_per_channel_scales()));
  EXPECT_TRUE(at::equal(result.q_per_channel_zero_points(), at::zeros({3}, at::kLong)));
}

TEST_F(WeightQuantization, IsPyTorchsOwnForTheWholeTensor) {
  const at::Tensor result = quantized(weight_, entry({0.02}, WeightGranularity::PerTensor));
  EXPECT_TRUE(at::equal(result.int_repr(),
                        at::quantize_per_tensor(weight_, 0.02, 0, at::kQInt8).int_repr()));
  EXPECT_EQ(result.q_scale(), 0.02);
}

TEST_F(WeightQuantization, TheChannelAxisIsTheCallers) {
  const at::Tensor result = quantized(weight_, entry({0.05, 0.1}), 1);
  EXPECT_EQ(result.q_per_channel_axis(), 1);
  EXPECT_TRUE(at::allclose(result.dequantize().select(1, 0), weight_.select(1, 0), 0, 0.0251));
}

TEST_F(WeightQuantization, AFoldedFactorGoesIntoTheScales) {
  const at::Tensor factors = at::tensor({2.0F, 0.5F, -4.0F}).view({3, 1, 1, 1});
  const at::Tensor result = quantized(weight_ * factors, entry({0.01, 0.02, 0.03}));
  EXPECT_TRUE(
      at::allclose(result.q_per_channel_scales(), at::tensor({0.02, 0.01, 0.12}, at::kDouble)));
  // The integers are those of the weight as it was calibrated, but for the sign.
  const at::Tensor integers = quantized(weight_, entry({0.01, 0.02, 0.03})).int_repr();
  EXPECT_TRUE(at::equal(result.int_repr().slice(0, 0, 2), integers.slice(0, 0, 2)));
}

TEST_F(WeightQuantization, AFoldedFactorScalesTheWholeTensorByItsLargestMagnitude) {
  const at::Tensor result = quantized(weight_ * 3, entry({0.02}, WeightGranularity::PerTensor));
  EXPECT_NEAR(result.q_scale(), 0.06, 1e-7);
}

TEST_F(WeightQuantization, AChannelOfZerosKeepsItsScale) {
  at::Tensor folded = weight_ * 2;
  folded.select(0, 1).zero_();
  const at::Tensor result = quantized(folded, entry({0.01, 0.02, 0.03}));
  EXPECT_TRUE(
      at::allclose(result.q_per_channel_scales(), at::tensor({0.02, 0.02, 0.06}, at::kDouble)));
  EXPECT_EQ(result.int_repr().select(0, 1).abs().max().item<int>(), 0);
}

TEST_F(WeightQuantization, AnotherDtypeIsRefused) {
  const at::Tensor doubles = weight_.to(at::kDouble);
  expect_words(refusal_of([&] {
                 quantized(doubles, entry({0.01, 0.02, 0.03}));
               }),
               {"entry 3", "conv2d", "its weight is Double", "Float is accepted"});
}

TEST_F(WeightQuantization, AnotherNumberOfScalesIsRefused) {
  expect_words(refusal_of([&] {
                 quantized(weight_, entry({0.01, 0.02}));
               }),
               {"entry 3", "conv2d", "weight_scales", "2 scales", "3 output channels"});
  expect_words(refusal_of([&] {
                 quantized(weight_, entry({0.01, 0.02, 0.03}, WeightGranularity::PerTensor));
               }),
               {"entry 3", "per_tensor", "3 scales"});
  OperatorEntry two = entry({0.01, 0.02, 0.03});
  two.weight_scales.push_back({0.5});
  expect_words(refusal_of([&] { quantized(weight_, two); }), {"entry 3", "2 lists"});
}

}  // namespace
}  // namespace int8graph
