#include "executor/quantize_channels_last.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "testing/small_models.h"
#include "testing/three_threads.h"

namespace int8graph {
namespace {

/// Compares with PyTorch's quantizer, number by number.
at::Tensor expect_right(const at::Tensor& values, double scale, int64_t zero_point,
                        c10::ScalarType dtype) {
  at::Tensor result =
      quantize_channels_last(values, scale, zero_point, static_cast<int64_t>(dtype));
  const at::Tensor expected =
      at::quantize_per_tensor(values.to(at::kFloat), scale, zero_point, dtype);
  EXPECT_TRUE(at::equal(result, expected)) << values.sizes();
  EXPECT_EQ(result.q_scale(), expected.q_scale());
  EXPECT_EQ(result.q_zero_point(), expected.q_zero_point());
  EXPECT_EQ(result.sizes(), expected.sizes());
  return result;
}

using Sizes = std::vector<int64_t>;

TEST(QuantizeChannelsLast, TurnsImagesOfFewChannels) {
  for (const Sizes& sizes : {Sizes{2, 3, 5, 7}, {1, 2, 9}, {3, 4, 4, 5, 6}, {1, 3, 64, 64}}) {
    for (const auto dtype : {at::kQUInt8, at::kQInt8}) {
      const int64_t zero_point = dtype == at::kQUInt8 ? 117 : 0;
      const at::Tensor result = expect_right(noise(sizes), 0.02, zero_point, dtype);
      EXPECT_TRUE(result.movedim(1, -1).is_contiguous());
    }
  }
}

TEST(QuantizeChannelsLast, RoundsAndClampsAsPyTorchDoes) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  at::Tensor values = at::arange(3 * 40 * 40).sub(2400).div(4).to(at::kFloat).view({1, 3, 40, 40});
  values[0][1][3] = kInfinity;
  values[0][1][4] = -kInfinity;
  values[0][2][5] = 3e38F;
  values[0][2][6] = -3e38F;
  values[0][2][7] = -0.0F;
  for (const double scale : {0.5, 1.0, 0.3, 1e-30, 3.0}) {
    for (const int64_t zero_point : {0, 1, 128, 255}) {
      expect_right(values, scale, zero_point, at::kQUInt8);
    }
    expect_right(values, scale, 0, at::kQInt8);
  }
}

TEST(QuantizeChannelsLast, LeavesOthersAsTheyLie) {
  const at::Tensor image = noise({2, 3, 6, 5});
  for (const at::Tensor& values :
       {noise({2, 1, 6, 5}), noise({2, 8, 6, 5}), noise({2, 3}), image.transpose(2, 3),
        image.contiguous(at::MemoryFormat::ChannelsLast), noise({0, 3, 6, 5})}) {
    const at::Tensor result = expect_right(values, 0.02, 117, at::kQUInt8);
    EXPECT_EQ(result.strides(), at::quantize_per_tensor(values, 0.02, 117, at::kQUInt8).strides());
  }
}

TEST(QuantizeChannelsLast, TakesReducedFloats) {
  expect_right(noise({2, 3, 6, 5}).to(at::kBFloat16), 0.02, 117, at::kQUInt8);
}

using QuantizeChannelsLastByThreads = ThreeThreads;

TEST_F(QuantizeChannelsLastByThreads, GivesTheSame) {
  expect_right(noise({2, 3, 301, 300}), 0.02, 117, at::kQUInt8);
}

}  // namespace
}  // namespace int8graph
