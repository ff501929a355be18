#include "observe/recording_rule.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace int8graph {
namespace {

using Arguments = std::vector<c10::IValue>;

TEST(RecordingRule, ScalarsAreNoActivations) {
  const at::Tensor x = at::ones({2, 3});
  const auto both = recorded_call("aten::add", Arguments{x, x, 1});
  ASSERT_TRUE(both.has_value());
  EXPECT_EQ(both->activations.size(), 2);
  EXPECT_EQ(recorded_call("aten::add", Arguments{x, 2.0, 1})->activations.size(), 1);
  const auto scaled = recorded_call("aten::mul", Arguments{at::scalar_tensor(2.0), x});
  ASSERT_EQ(scaled->activations.size(), 1);
  EXPECT_TRUE(scaled->activations[0].is_same(x));
}

TEST(RecordingRule, ArithmeticOnIntegersIsNotRecorded) {
  const at::Tensor indices = at::ones({2}, at::kLong);
  EXPECT_FALSE(recorded_call("aten::add", Arguments{indices, indices, 1}).has_value());
  EXPECT_FALSE(recorded_call("aten::mul", Arguments{at::scalar_tensor(2.0), at::scalar_tensor(3.0)})
                   .has_value());
}

TEST(RecordingRule, AListStandsForItsElements) {
  const at::Tensor x = at::ones({2, 3});
  const auto call = recorded_call("aten::cat", Arguments{std::vector<at::Tensor>{x, x, x}, 1});
  ASSERT_TRUE(call.has_value());
  EXPECT_EQ(call->activations.size(), 3);
}

TEST(RecordingRule, GenericConvolutionsAreKnownByTheirWeight) {
  const at::Tensor x = at::ones({1, 3, 8});
  const at::Tensor w = at::ones({4, 3, 3});
  const std::vector<int64_t> one{1};
  const auto call = recorded_call("aten::convolution",
                                  Arguments{x, w, c10::IValue(), one, one, one, false, one, 1});
  ASSERT_TRUE(call.has_value());
  EXPECT_EQ(call->row->name, "conv1d");
  EXPECT_TRUE(call->weight.is_same(w));
  EXPECT_EQ(recorded_call("aten::convolution",
                          Arguments{x, w, c10::IValue(), one, one, one, true, one, 1})
                ->row->name,
            "conv_transpose1d");
}

TEST(RecordingRule, AddmmWithABiasIsALinearLayer) {
  const at::Tensor bias = at::ones({4});
  const at::Tensor x = at::ones({2, 3});
  const at::Tensor w = at::ones({3, 4});
  const auto call = recorded_call("aten::addmm", Arguments{bias, x, w, 1, 1});
  ASSERT_TRUE(call.has_value());
  EXPECT_EQ(call->row->name, "linear");
  ASSERT_EQ(call->activations.size(), 1);
  EXPECT_TRUE(call->activations[0].is_same(x));
  EXPECT_TRUE(call->weight.is_same(w));
  EXPECT_EQ(call->channel_axis, 1);
  EXPECT_FALSE(recorded_call("aten::addmm", Arguments{bias, x, w, 1, 2}).has_value());
  EXPECT_FALSE(recorded_call("aten::addmm", Arguments{at::ones({2, 4}), x, w, 1, 1}).has_value());
}

TEST(RecordingRule, AnEmbeddingHasAWeightAndNoActivation) {
  const auto call = recorded_call(
      "aten::embedding", Arguments{at::ones({10, 4}), at::zeros({3}, at::kLong), -1, false, false});
  ASSERT_TRUE(call.has_value());
  EXPECT_TRUE(call->activations.empty());
  EXPECT_TRUE(call->weight.defined());
}

TEST(RecordingRule, OnlyDenseFloatsCount) {
  EXPECT_TRUE(counts(at::ones({2}, at::kHalf)));
  EXPECT_FALSE(counts(at::ones({2}, at::kInt)));
  EXPECT_FALSE(counts(at::ones({2}, at::kComplexFloat)));
  EXPECT_FALSE(counts(at::ones({2, 2}).to_sparse()));
  EXPECT_FALSE(counts(at::empty({2}, at::device(at::kMeta))));
  EXPECT_FALSE(counts(at::Tensor()));
}

TEST(RecordingRule, UnknownOperatorsAreNotRecorded) {
  EXPECT_FALSE(recorded_call("aten::fft_fft", Arguments{at::ones({2})}).has_value());
  EXPECT_FALSE(recorded_call("aten::relu", Arguments{}).has_value());
}

}  // namespace
}  // namespace int8graph
