#include "observe/least_error.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "observe/quantization_parameters.h"

namespace int8graph {
namespace {

ActivationHistogram histogram_of(const at::Tensor& values) {
  ActivationHistogram histogram({values.min().item<float>(), values.max().item<float>()});
  histogram.add_row({values.const_data_ptr<float>(), static_cast<size_t>(values.numel())}, 1);
  return histogram;
}

// The noise of a real quantizer, where what is cut off counts twice.
double noise(const at::Tensor& values, Range range, QDType dtype) {
  const auto [scale, zero_point] = choose_parameters(range, dtype);
  const int64_t first = dtype == QDType::UInt8 ? 0 : -128;
  const at::Tensor error =
      at::fake_quantize_per_tensor_affine(values, scale, zero_point, first, first + 255) - values;
  const at::Tensor is_cut_off = error.abs() > scale / 2 * 1.001;
  return (error.square() * (1 + is_cut_off.to(at::kFloat))).sum().item<double>();
}

// The least noise of any range, each bound a multiple of 1/32 of its extreme.
double least_noise(const at::Tensor& values, QDType dtype) {
  const auto lowest = std::min(0.0f, values.min().item<float>());
  const auto highest = std::max(0.0f, values.max().item<float>());
  double least = noise(values, {lowest, highest}, dtype);
  for (int i = 1; i <= 32; ++i) {
    for (int j = 1; j <= 32; ++j) {
      const Range range{lowest * static_cast<float>(i) / 32, highest * static_cast<float>(j) / 32};
      least = std::min(least, noise(values, range, dtype));
    }
  }
  return least;
}

void expect_least_noise(const at::Tensor& values) {
  for (const QDType dtype : {QDType::UInt8, QDType::Int8}) {
    const Range chosen = least_error_range(histogram_of(values), dtype);
    EXPECT_LE(noise(values, chosen, dtype), 1.03 * least_noise(values, dtype))
        << "[" << chosen.min << ", " << chosen.max << "], dtype " << static_cast<int>(dtype);
  }
}

class LeastError : public testing::Test {
 protected:
  at::Tensor normal_ = at::randn({4000}, at::make_generator<at::CPUGeneratorImpl>(7));
};

TEST_F(LeastError, OfNormalValues) {
  expect_least_noise(normal_);
  expect_least_noise(normal_ * 100 + 30);
}

TEST_F(LeastError, OfValuesBehindGelu) {
  expect_least_noise(at::gelu(normal_ * 2));
}

TEST_F(LeastError, OfLongTails) {
  expect_least_noise(normal_.pow(3));
  expect_least_noise(at::exp(normal_));
  expect_least_noise(-at::exp(normal_));
}

TEST_F(LeastError, OfFewOutliers) {
  at::Tensor values = normal_.clone();
  values.slice(0, 0, 3).fill_(40.0);
  values.slice(0, 3, 5).fill_(-25.0);
  expect_least_noise(values);
}

TEST_F(LeastError, OfMostlyZeros) {
  expect_least_noise(at::relu(normal_ - 1));
}

TEST_F(LeastError, UniformValuesKeepTheirExtremes) {
  const at::Tensor values = at::linspace(-3, 5, 5000);
  const Range range = least_error_range(histogram_of(values), QDType::UInt8);
  EXPECT_EQ(range.min, -3);
  EXPECT_EQ(range.max, 5);
}

TEST_F(LeastError, AConstantKeepsItsValue) {
  for (const float value : {5.0f, -0.3f, 1e-12f, 3e30f}) {
    const Range range = least_error_range(histogram_of(at::full({100}, value)), QDType::UInt8);
    EXPECT_EQ(range.min, std::min(value, 0.0f));
    EXPECT_EQ(range.max, std::max(value, 0.0f));
  }
}

TEST_F(LeastError, OfZerosIsNothing) {
  for (const QDType dtype : {QDType::UInt8, QDType::Int8}) {
    const Range range = least_error_range(histogram_of(at::zeros({100})), dtype);
    EXPECT_EQ(range.min, 0);
    EXPECT_EQ(range.max, 0);
  }
}

TEST_F(LeastError, SymmetricRangesAreSymmetric) {
  const Range range = least_error_range(histogram_of(at::exp(normal_)), QDType::Int8);
  EXPECT_EQ(range.min, -range.max);
}

}  // namespace
}  // namespace int8graph
