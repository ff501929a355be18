#include "observe/tensor_ranges.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

namespace int8graph {
namespace {

at::Tensor ramp() {
  return at::arange(-10, 110, at::kFloat).reshape({2, 3, 4, 5});
}

void expect_range(const at::Tensor& tensor, float min, float max) {
  const auto range = scan_range(tensor);
  ASSERT_TRUE(range.has_value());
  EXPECT_EQ(range->min, min);
  EXPECT_EQ(range->max, max);
}

TEST(ScanRange, AnyStrides) {
  expect_range(ramp(), -10, 109);
  expect_range(ramp().contiguous(at::MemoryFormat::ChannelsLast), -10, 109);
  expect_range(ramp().transpose(1, 3), -10, 109);
  expect_range(ramp().slice(1, 1, 2), 10, 89);
  expect_range(ramp().select(0, 1).transpose(0, 2), 50, 109);
  expect_range(ramp().slice(3, 0, 5, 2), -10, 109);
  expect_range(at::arange(3, at::kFloat).reshape({3, 1}).expand({3, 1000}), 0, 2);
  expect_range(at::scalar_tensor(7.0), 7, 7);
  expect_range(ramp().as_strided({4, 4}, {1, 1}), -10, -4);  // overlaps itself
}

TEST(ScanRange, AnyFloatDtype) {
  for (const auto dtype : {at::kDouble, at::kHalf, at::kBFloat16}) {
    expect_range(ramp().to(dtype), -10, 109);
  }
}

TEST(ScanRange, NothingInAnEmptyTensor) {
  EXPECT_FALSE(scan_range(at::empty({0, 3})).has_value());
  EXPECT_TRUE(scan_channel_ranges(at::empty({0, 3}), 0).empty());
}

TEST(ScanRange, NaNIsSeen) {
  at::Tensor tensor = ramp();
  tensor.view({-1})[17] = NAN;
  EXPECT_TRUE(std::isnan(scan_range(tensor)->min));
  EXPECT_TRUE(std::isnan(scan_channel_ranges(tensor, 0)[0].max));
  EXPECT_FALSE(std::isnan(scan_channel_ranges(tensor, 0)[1].max));
}

TEST(ScanRange, LeavesAutogradAlone) {
  at::Tensor tensor = ramp().requires_grad_();
  expect_range(tensor, -10, 109);
  expect_range(tensor * 2, -20, 218);
  const c10::InferenceMode inference;
  expect_range(ramp(), -10, 109);
}

// --- Histograms ---

std::shared_ptr<const ActivationHistogram> scanned(const at::Tensor& tensor, int64_t axis) {
  return scan_histogram(tensor, axis, scan_range(tensor).value());
}

TEST(ScanHistogram, AVectorCountsByItsOwnSize) {
  // Energies 25 and 2500, mean 1262.5.
  const auto found = scanned(at::tensor({3.0f, 4.0f, 30.0f, 40.0f}).reshape({2, 2}), 1);
  const auto& weights = found->weights();
  EXPECT_FLOAT_EQ(weights[1024 + 3 * 16], 1 / (25 + 12.625));
  EXPECT_FLOAT_EQ(weights[1024 + 30 * 16], 1 / (2500 + 12.625));
  EXPECT_EQ(found->extremes().max, 40);
}

TEST(ScanHistogram, AnyAxisStridesAndDtype) {
  const auto expected = scanned(ramp(), 3)->weights();
  EXPECT_EQ(scanned(ramp().transpose(1, 3).contiguous(), 1)->weights(), expected);
  EXPECT_EQ(scanned(ramp().transpose(1, 3), 1)->weights(), expected);
  EXPECT_EQ(scanned(ramp().contiguous(at::MemoryFormat::ChannelsLast), 3)->weights(), expected);
  for (const auto dtype : {at::kDouble, at::kHalf, at::kBFloat16}) {
    EXPECT_EQ(scanned(ramp().to(dtype), 3)->weights(), expected);
  }
}

TEST(ScanHistogram, VectorsOfZerosAreLeftOut) {
  const auto found = scanned(at::zeros({3, 4}), 1);
  EXPECT_EQ(found->weights(), ActivationHistogram({0, 0}).weights());
}

TEST(ScanHistogram, NothingWhereValuesOrTheirSquaresAreNotFinite) {
  EXPECT_EQ(scanned(at::full({2, 2}, NAN), 1), nullptr);
  EXPECT_EQ(scanned(at::full({2, 2}, -INFINITY), 1), nullptr);
  EXPECT_EQ(scanned(at::full({2, 2}, 1e25), 1), nullptr);
}

TEST(ScanHistogram, LeavesAutogradAlone) {
  EXPECT_NE(scanned(ramp().requires_grad_() * 2, 3), nullptr);
  const c10::InferenceMode inference;
  EXPECT_NE(scanned(ramp(), 3), nullptr);
}

TEST(ScanChannelRanges, AlongTheAxis) {
  const auto first = scan_channel_ranges(ramp(), 0);
  ASSERT_EQ(first.size(), 2);
  EXPECT_EQ(first[1].min, 50);
  EXPECT_EQ(first[1].max, 109);
  const auto second = scan_channel_ranges(ramp(), 1);
  ASSERT_EQ(second.size(), 3);
  EXPECT_EQ(second[1].min, 10);
  EXPECT_EQ(second[1].max, 89);
  EXPECT_EQ(scan_channel_ranges(at::arange(3, at::kFloat), 0).size(), 3);
}

}  // namespace
}  // namespace int8graph
