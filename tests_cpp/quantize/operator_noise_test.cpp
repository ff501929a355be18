#include "quantize/operator_noise.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <limits>

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
  const jit::Module artifact_ = convert(model_, calibrated_on(model_, {x_}), {x_});
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

TEST_F(OperatorNoiseTest, TheArtifactOfAnotherModelIsRefused) {
  const jit::Module other = small_model("return self.conv2d(torch.sigmoid(self.conv2d(x)))");
  expect_words(refusal_of([&] { OperatorNoiseMeter(other, artifact_); }),
               {"does not come from this fp32 model", "operator 1", "\"sigmoid\"", "\"relu\""});
  const jit::Module shorter = small_model("return self.conv2d(x)");
  expect_words(refusal_of([&] { OperatorNoiseMeter(shorter, artifact_); }),
               {"operator 1", "missing in the fp32 model"});
}

}  // namespace
}  // namespace int8graph
