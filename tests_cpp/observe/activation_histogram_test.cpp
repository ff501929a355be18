#include "observe/activation_histogram.h"

#include <gtest/gtest.h>

#include <limits>
#include <numeric>
#include <vector>

namespace int8graph {
namespace {

constexpr size_t kZero = ActivationHistogram::kBins / 2;  // the bin that begins at 0

ActivationHistogram of(Range extremes, const std::vector<float>& values, double weight = 1) {
  ActivationHistogram histogram(extremes);
  histogram.add_row(values, weight);
  return histogram;
}

double total(const ActivationHistogram& histogram) {
  return std::accumulate(histogram.weights().begin(), histogram.weights().end(), 0.0);
}

TEST(ActivationHistogram, BinsReachToTheNextPowerOfTwo) {
  EXPECT_EQ(of({-1, 3}, {}).bin_width(), 4.0 / 1024);
  EXPECT_EQ(of({-4, 3}, {}).bin_width(), 8.0 / 1024);  // 4 itself would not fit under 4
  EXPECT_EQ(of({0, 0}, {}).bin_width(), of({0, 1e-30f}, {}).bin_width());
}

TEST(ActivationHistogram, ValuesFallIntoTheirBinByWeight) {
  const auto histogram = of({-1, 3}, {-1.0f, -0.001f, 0.001f, 3.0f}, 0.5);
  const auto& weights = histogram.weights();
  EXPECT_EQ(weights[kZero - 256], 0.5);
  EXPECT_EQ(weights[kZero - 1], 0.5);
  EXPECT_EQ(weights[kZero], 0.5);
  EXPECT_EQ(weights[kZero + 768], 0.5);
  EXPECT_EQ(total(histogram), 2.0);
}

TEST(ActivationHistogram, ZerosAreLeftOut) {
  EXPECT_EQ(total(of({-1, 3}, {0.0f, -0.0f, 2.0f})), 1.0);
}

TEST(ActivationHistogram, TheLastBinTakesWhatIsRoundedUp) {
  const float below_one = std::nextafter(1.0f, 0.0f);
  EXPECT_EQ(of({0, below_one}, {below_one}).weights().back(), 1.0);
}

TEST(ActivationHistogram, ExtremeNumbersFit) {
  constexpr float kLargest = std::numeric_limits<float>::max();
  const auto histogram = of({-kLargest, kLargest}, {-kLargest, kLargest});
  EXPECT_EQ(histogram.weights().front(), 1.0);
  EXPECT_EQ(histogram.weights().back(), 1.0);
  EXPECT_EQ(total(of({-1e-40f, 1e-40f}, {-1e-40f, 1e-40f})), 2.0);
}

TEST(ActivationHistogram, ASumIsThatOfAllValuesInAnyOrder) {
  const std::vector<float> few = {-0.3f, 0.02f, 0.9f};
  const std::vector<float> many = {-7.0f, -0.01f, 0.01f, 5.0f};
  auto sum = of({-0.3f, 0.9f}, few);
  sum.add(of({-7, 5}, many));
  auto reverse = of({-7, 5}, many);
  reverse.add(of({-0.3f, 0.9f}, few));
  auto at_once = of({-7, 5}, many);
  at_once.add_row(few, 1);
  EXPECT_EQ(sum.weights(), at_once.weights());
  EXPECT_EQ(reverse.weights(), at_once.weights());
  EXPECT_EQ(sum.bin_width(), at_once.bin_width());
  EXPECT_EQ(sum.extremes().min, -7);
  EXPECT_EQ(sum.extremes().max, 5);
}

TEST(ActivationHistogram, FarGrowthLeavesBothSidesOfZero) {
  auto histogram = of({-1, 1}, {-0.9f, 0.9f});
  histogram.add(of({0, 1e20f}, {1e20f}));
  EXPECT_EQ(histogram.weights()[kZero - 1], 1.0);
  EXPECT_EQ(histogram.weights()[kZero], 1.0);
}

}  // namespace
}  // namespace int8graph
