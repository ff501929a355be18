#include "observe/quantization_parameters.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace int8graph {

namespace {

constexpr float kSmallestScale = std::numeric_limits<float>::epsilon();
constexpr float kLevels = 255.0f;  // steps between the first and the last of 256 levels
constexpr float kAveragingConstant = 0.01f;

Range with_zero(Range range) {
  return {std::min(range.min, 0.0f), std::max(range.max, 0.0f)};
}

float symmetric_scale(Range range) {
  const Range wide = with_zero(range);
  return std::max(std::max(-wide.min, wide.max) / (kLevels / 2), kSmallestScale);
}

float affine_scale(Range wide) {
  const float width = wide.max - wide.min;
  const float scale =
      std::isfinite(width) ? width / kLevels : (wide.max / 2 - wide.min / 2) / (kLevels / 2);
  return std::max(scale, kSmallestScale);
}

// The product is rounded to float before the sum, as PyTorch's two kernels do: the conversion keeps
// a compiler from contracting them to one fused operation.
float follow(float average, float latest) {
  const double step =
      static_cast<double>(kAveragingConstant) * static_cast<double>(latest - average);
  return average + static_cast<float>(step);
}

}  // namespace

QuantizationParameters choose_parameters(Range range, QDType dtype) {
  if (dtype == QDType::Int8) return {static_cast<double>(symmetric_scale(range)), 0};
  const Range wide = with_zero(range);
  const float scale = affine_scale(wide);
  // nearbyint rounds halves to even, as torch.round does.
  const float zero_point = 0.0f - std::nearbyint(wide.min / scale);
  return {static_cast<double>(scale), static_cast<int64_t>(std::clamp(zero_point, 0.0f, kLevels))};
}

Range range_of(QuantizationParameters parameters, QDType dtype) {
  constexpr double kLargest = std::numeric_limits<float>::max();
  const double first =
      dtype == QDType::UInt8 ? -static_cast<double>(parameters.zero_point) : -127.5;
  const auto bound = [&](double level) {
    return static_cast<float>(std::clamp(level * parameters.scale, -kLargest, kLargest));
  };
  return {bound(first), bound(first + static_cast<double>(kLevels))};
}

double choose_weight_scale(Range range) {
  return static_cast<double>(symmetric_scale(range));
}

Range join(Range a, Range b) {
  return {std::min(a.min, b.min), std::max(a.max, b.max)};
}

Range moving_average(Range average, Range latest) {
  return {follow(average.min, latest.min), follow(average.max, latest.max)};
}

}  // namespace int8graph
