#include "observe/activation_histogram.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "observe/quantization_parameters.h"

namespace int8graph {

namespace {

constexpr int kHalf = ActivationHistogram::kBins / 2;  // the bin that begins at 0
// No scale is below 2^-23, so values far below that need no finer bins.
constexpr int kSmallestExponent = -23;

// The least e with all values in [-2^e, 2^e).
int exponent_above(Range range) {
  const float largest = std::max(std::abs(range.min), std::abs(range.max));
  if (largest == 0.0f) return kSmallestExponent;
  int exponent = 0;
  std::frexp(largest, &exponent);
  return std::max(exponent, kSmallestExponent);
}

// Adds bins to those that are 2^octaves times as wide.
void add_bins(const std::vector<double>& bins, int octaves, std::vector<double>& wider) {
  for (int bin = -kHalf; bin < kHalf; ++bin) {
    const int merged = bin >> std::min(octaves, 31);
    wider[static_cast<size_t>(merged + kHalf)] += bins[static_cast<size_t>(bin + kHalf)];
  }
}

}  // namespace

ActivationHistogram::ActivationHistogram(Range extremes)
    : extremes_(extremes), exponent_(exponent_above(extremes)), weights_(kBins) {}

void ActivationHistogram::add_row(std::span<const float> values, double weight) {
  const auto bins_per_unit = static_cast<float>(1.0 / bin_width());
  for (const float value : values) {
    const int bin = static_cast<int>(value * bins_per_unit + static_cast<float>(kHalf));
    // Rounding may take what is just below 2^e past the last bin.
    weights_[static_cast<size_t>(std::min(bin, 2 * kHalf - 1))] += value == 0.0f ? 0.0 : weight;
  }
}

void ActivationHistogram::add(const ActivationHistogram& other) {
  const int exponent = std::max(exponent_, other.exponent_);
  std::vector<double> sum(kBins);
  add_bins(weights_, exponent - exponent_, sum);
  add_bins(other.weights_, exponent - other.exponent_, sum);
  weights_ = std::move(sum);
  exponent_ = exponent;
  extremes_ = join(extremes_, other.extremes_);
}

double ActivationHistogram::bin_width() const {
  return std::ldexp(1.0, exponent_) / kHalf;
}

}  // namespace int8graph
