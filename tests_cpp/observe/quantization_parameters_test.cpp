#include "observe/quantization_parameters.h"

#include <gtest/gtest.h>

#include <limits>

namespace int8graph {
namespace {

constexpr float kLargest = std::numeric_limits<float>::max();
constexpr double kEpsilon = static_cast<double>(std::numeric_limits<float>::epsilon());

TEST(ChooseParameters, AffineCoversTheRange) {
  const auto chosen = choose_parameters({-1.0f, 3.0f}, QDType::UInt8);
  EXPECT_EQ(chosen.scale, static_cast<double>(4.0f / 255.0f));
  EXPECT_EQ(chosen.zero_point, 64);  // 63.75, rounded
}

TEST(ChooseParameters, AffineRangeIsWidenedToHoldZero) {
  EXPECT_EQ(choose_parameters({2.0f, 5.1f}, QDType::UInt8).zero_point, 0);
  EXPECT_EQ(choose_parameters({2.0f, 5.1f}, QDType::UInt8).scale,
            static_cast<double>(5.1f / 255.0f));
  EXPECT_EQ(choose_parameters({-5.1f, -2.0f}, QDType::UInt8).zero_point, 255);
}

TEST(ChooseParameters, HalvesOfAZeroPointAreRoundedToEven) {
  // scale is exactly 1, so min / scale is exactly the half.
  EXPECT_EQ(choose_parameters({-2.5f, 252.5f}, QDType::UInt8).zero_point, 2);
  EXPECT_EQ(choose_parameters({-3.5f, 251.5f}, QDType::UInt8).zero_point, 4);
}

TEST(ChooseParameters, SymmetricTakesTheLargestMagnitude) {
  const auto chosen = choose_parameters({-2.0f, 1.0f}, QDType::Int8);
  EXPECT_EQ(chosen.scale, static_cast<double>(2.0f / 127.5f));
  EXPECT_EQ(chosen.zero_point, 0);
}

TEST(ChooseParameters, ScaleIsAtLeastEpsilon) {
  EXPECT_EQ(choose_parameters({0.0f, 0.0f}, QDType::UInt8).scale, kEpsilon);
  EXPECT_EQ(choose_parameters({0.0f, 0.0f}, QDType::UInt8).zero_point, 0);
  EXPECT_EQ(choose_parameters({-1e-9f, 0.0f}, QDType::Int8).scale, kEpsilon);
  EXPECT_EQ(choose_weight_scale({0.0f, 0.0f}), kEpsilon);
}

TEST(ChooseParameters, WidthBeyondFloatStaysFinite) {
  const auto chosen = choose_parameters({-kLargest, kLargest}, QDType::UInt8);
  EXPECT_LE(chosen.scale, static_cast<double>(kLargest));
  EXPECT_GE(chosen.zero_point, 127);
  EXPECT_LE(chosen.zero_point, 128);
}

TEST(RangeOf, IsTheInverse) {
  for (const QDType dtype : {QDType::UInt8, QDType::Int8}) {
    for (const Range range : {Range{-1.0f, 3.0f}, Range{0.0f, 7.0f}, Range{-0.3f, 0.1f}}) {
      const auto chosen = choose_parameters(range, dtype);
      const auto again = choose_parameters(range_of(chosen, dtype), dtype);
      EXPECT_FLOAT_EQ(again.scale, chosen.scale);
      EXPECT_EQ(again.zero_point, chosen.zero_point);
    }
  }
}

TEST(RangeOf, StaysFinite) {
  const Range range = range_of({static_cast<double>(kLargest), 128}, QDType::UInt8);
  EXPECT_EQ(range.min, -kLargest);
  EXPECT_EQ(range.max, kLargest);
}

TEST(MovingAverage, MovesByOnePercent) {
  const Range range = moving_average({-1.0f, 1.0f}, {-3.0f, 0.5f});
  EXPECT_EQ(range.min, -1.0f + 0.01f * -2.0f);
  EXPECT_EQ(range.max, 1.0f + 0.01f * -0.5f);
}

}  // namespace
}  // namespace int8graph
