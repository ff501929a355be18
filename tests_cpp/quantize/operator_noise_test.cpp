#include "quantize/operator_noise.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <limits>
#include <memory>
#include <optional>

#include "int8graph/convert.h"
#include "testing/fused_graphs.h"
#include "testing/messages.h"
#include "testing/small_models.h"

namespace int8graph {
namespace {

namespace jit = torch::jit;

TEST(NoiseSums, GiveTheRatioInDecibels) {
  NoiseSums sums;
  sums.add(at::tensor({3.0, 4.0}), at::tensor({3.0, 4.5}));
  EXPECT_DOUBLE_EQ(sums.signal, 25);
  EXPECT_DOUBLE_EQ(sums.noise, 0.25);
  EXPECT_DOUBLE_EQ(sums.sqnr(), 20);
}

TEST(NoiseSums, SumUpOverCallsAndReadQuantizedTensors) {
  NoiseSums sums;
  const at::Tensor values = at::tensor({1.0F, 2.0F});
  sums.add(values, at::quantize_per_tensor(values, 0.5, 0, at::kQUInt8));
  EXPECT_EQ(sums.sqnr(), std::numeric_limits<double>::infinity());
  sums.add(values, values + 1);
  EXPECT_DOUBLE_EQ(sums.signal, 10);
  EXPECT_DOUBLE_EQ(sums.noise, 2);
}

class OperatorNoiseTest : public testing::Test {
 protected:
  const at::Tensor x_ = small_input(4);
  const jit::Module model_ =
      small_model("return self.conv2d_second(torch.relu(self.batch_norm(self.conv2d(x))))");
  const QuantConf conf_ = calibrated_on(model_, {x_});
  const jit::Module artifact_ = convert(model_, conf_, {x_});
};

TEST_F(OperatorNoiseTest, OperatorsAreThoseThatRemainAfterFolding) {
  const auto operators = OperatorNoiseMeter(model_, artifact_).result();
  ASSERT_EQ(operators.size(), 3);
  const std::vector<std::string> names = {"conv2d", "relu", "conv2d"};
  const std::vector<bool> quantized = {true, false, true};
  for (size_t i = 0; i < operators.size(); ++i) {
    EXPECT_EQ(operators[i].name, names[i]);
    EXPECT_EQ(operators[i].position, i);
    EXPECT_EQ(operators[i].is_quantized, quantized[i]) << i;
  }
}

TEST_F(OperatorNoiseTest, IdsAreThoseOfEntriesThoughSomeAreFoldedAway) {
  std::vector<std::optional<int64_t>> ids;
  for (const OperatorNoise& row : OperatorNoiseMeter(model_, artifact_, conf_.entries()).result()) {
    ids.push_back(row.id);
  }
  EXPECT_EQ(ids, (std::vector<std::optional<int64_t>>{0, 2, 3}));
  EXPECT_EQ(conf_.entries().at(1).name, "batch_norm");
  EXPECT_FALSE(OperatorNoiseMeter(model_, artifact_).result().at(2).id.has_value());
}

TEST_F(OperatorNoiseTest, AModelThatTheEntriesDoNotFitIsComparedWithoutIds) {
  const QuantConf other = calibrated_on(small_model("return self.linear(x)"), {small_input(2)});
  const auto rows = OperatorNoiseMeter(model_, artifact_, other.entries()).result();
  ASSERT_EQ(rows.size(), 3);
  EXPECT_FALSE(rows[0].id.has_value());
}

TEST_F(OperatorNoiseTest, TellsAnOperatorsOwnNoiseFromWhatItInherits) {
  OperatorNoiseMeter meter(model_, artifact_);
  meter.add({x_});
  meter.add({small_input(4, 8)});
  const auto operators = meter.result();
  ASSERT_EQ(operators.size(), 3);
  EXPECT_DOUBLE_EQ(operators[0].alone.noise, operators[0].together.noise);
  EXPECT_EQ(operators[1].alone.noise, 0);
  EXPECT_GT(operators[1].together.noise, 0);
  EXPECT_GT(operators[2].alone.noise, 0);
  EXPECT_GT(operators[2].together.noise, operators[2].alone.noise);
  for (const OperatorNoise& noise : operators) {
    EXPECT_GT(noise.together.sqnr(), 25) << noise.position;
    EXPECT_DOUBLE_EQ(noise.alone.signal, noise.together.signal);
  }
}

TEST_F(OperatorNoiseTest, ArgumentsWithDefaultsMayBeLeftOut) {
  const jit::Module model = small_model("return self.conv2d(x) * factor", "x, factor: float = 2.0");
  OperatorNoiseMeter meter(model, convert(model, calibrated_on(model, {x_}), {x_}));
  meter.add({x_});
  EXPECT_GT(meter.result().at(0).alone.sqnr(), 25);
}

TEST_F(OperatorNoiseTest, TheArtifactOfAnotherModelIsRefused) {
  const jit::Module other = small_model("return self.conv2d(torch.relu(self.linear(x)))");
  expect_words(refusal_of([&] { OperatorNoiseMeter(other, artifact_); }),
               {"does not come from this fp32 model", "\"linear\", operator 0 of the fp32 model",
                "weight of [8, 8]"});
  const jit::Module shorter = small_model("return self.conv2d(x)");
  expect_words(refusal_of([&] { OperatorNoiseMeter(shorter, artifact_); }),
               {"\"conv2d\", operator", "of the artifact"});
}

TEST_F(OperatorNoiseTest, WhatStandsOnOneSideOnlyIsToldAndTheRestCompared) {
  const jit::Module other =
      small_model("return self.conv2d_second(torch.sigmoid(self.batch_norm(self.conv2d(x))))");
  OperatorNoiseMeter meter(other, artifact_);
  EXPECT_EQ(meter.unpaired(), (std::vector<std::string>{"\"sigmoid\", operator 1 of the fp32 model",
                                                        "\"relu\", operator 1 of the artifact"}));
  meter.add({x_});
  const auto operators = meter.result();
  ASSERT_EQ(operators.size(), 2);
  EXPECT_GT(operators[0].alone.sqnr(), 25);
  EXPECT_LT(operators[1].together.sqnr(), 15);
}

TEST_F(OperatorNoiseTest, PairsOfDifferentShapesAreRefused) {
  const jit::Module other = small_model(
      "return self.conv2d_second(torch.relu(self.batch_norm(self.conv2d(x[:, :, 1:]))))");
  OperatorNoiseMeter meter(other, artifact_);
  expect_words(refusal_of([&] { meter.add({x_}); }),
               {"does not come from this fp32 model", "\"conv2d\", operator 0", "[2, 8, 5, 5]",
                "[2, 8, 6, 5]"});
}

std::unique_ptr<OperatorNoiseMeter> meter_of(const std::string& body, const at::Tensor& x) {
  const jit::Module model = small_model(body);
  const jit::Module artifact = convert(model, calibrated_on(model, {x}), {x});
  auto meter = std::make_unique<OperatorNoiseMeter>(model, artifact);
  meter->add({x});
  return meter;
}

std::string names_of(const OperatorNoiseMeter& meter) {
  std::string names;
  for (const OperatorNoise& row : meter.result()) names += (names.empty() ? "" : " ") + row.name;
  return names;
}

TEST(OperatorNoise, DecomposedAttentionIsOneOperator) {
  const auto meter = meter_of(
      "y = self.linear(x)\n"
      "return torch.scaled_dot_product_attention(y, y, x, None, 0.0, False, scale=0.5) + x",
      small_input(3).transpose(1, 2));
  EXPECT_EQ(meter->unpaired(), std::vector<std::string>());
  EXPECT_EQ(names_of(*meter), "linear scaled_dot_product_attention add");
  EXPECT_TRUE(meter->result()[1].is_quantized);
  EXPECT_GT(meter->result()[1].alone.noise, 0);
  EXPECT_GT(meter->result()[1].alone.sqnr(), 20);
}

TEST(OperatorNoise, AGeluWrittenOutIsOneOperator) {
  const auto meter = meter_of(
      "y = self.linear(x)\n"
      "return self.linear_second(y * 0.5 * (1.0 + torch.erf(y / 1.4142135623730951)))",
      small_input(2));
  EXPECT_EQ(meter->unpaired(), std::vector<std::string>());
  EXPECT_EQ(names_of(*meter), "linear gelu linear");
  EXPECT_GT(meter->result()[1].together.noise, 0);
  EXPECT_GT(meter->result()[1].together.sqnr(), 20);
}

TEST(OperatorNoise, EqualCallsAreMergedOnBothSides) {
  const auto meter = meter_of("return self.conv2d(x) * 2.0 + self.conv2d(x) * 2.0", small_input(4));
  EXPECT_EQ(meter->unpaired(), std::vector<std::string>());
  EXPECT_EQ(names_of(*meter), "conv2d add");
}

TEST(OperatorNoise, MasksOfInfinityAreLeftOut) {
  const auto meter = meter_of(
      "y = self.linear(x)\n"
      "return torch.softmax(y.masked_fill(y < 0, -float('inf')) + y, -1)",
      small_input(2));
  for (const OperatorNoise& row : meter->result()) EXPECT_GT(row.alone.sqnr(), 20) << row.name;
}

}  // namespace
}  // namespace int8graph
