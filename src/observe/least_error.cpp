#include "observe/least_error.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

namespace int8graph {

namespace {

constexpr double kSteps = 255;  // between the first and the last of 256 levels
constexpr double kCutOffFactor = 2;

// Sums over some of the values: of weight, weight * x, and weight * x^2.
struct Moments {
  double weight = 0;
  double first = 0;
  double second = 0;

  // The sum of weight * (x - level)^2.
  double noise_at(double level) const {
    return second - 2 * level * first + level * level * weight;
  }
};

Moments operator-(const Moments& a, const Moments& b) {
  return {a.weight - b.weight, a.first - b.first, a.second - b.second};
}

// Knows the moments of the values in any interval, at once. Values are taken to lie evenly in
// their bin.
class CumulativeMoments {
 public:
  explicit CumulativeMoments(const ActivationHistogram& histogram)
      : width_(histogram.bin_width()), below_(kBins + 1) {
    for (size_t bin = 0; bin < kBins; ++bin) {
      const double weight = histogram.weights()[bin];
      const double centre = (static_cast<double>(bin) + 0.5 - kHalf) * width_;
      const Moments& before = below_[bin];
      below_[bin + 1] = {before.weight + weight, before.first + weight * centre,
                         before.second + weight * (centre * centre + width_ * width_ / 12)};
    }
  }

  Moments below(double value) const {
    const double position = std::clamp(value / width_ + kHalf, 0.0, static_cast<double>(kBins));
    const size_t bin = std::min(static_cast<size_t>(position), kBins - 1);
    const double part = position - static_cast<double>(bin);
    const Moments inside = below_[bin + 1] - below_[bin];
    return {below_[bin].weight + part * inside.weight, below_[bin].first + part * inside.first,
            below_[bin].second + part * inside.second};
  }

  Moments above(double value) const { return below_.back() - below(value); }
  Moments between(double min, double max) const { return below(max) - below(min); }

 private:
  static constexpr size_t kBins = ActivationHistogram::kBins;
  static constexpr double kHalf = kBins / 2;

  double width_;
  std::vector<Moments> below_;  // below each bin, and below the end of the last one
};

double noise(const CumulativeMoments& values, double min, double max) {
  const double scale = (max - min) / kSteps;
  const Moments to_zero = values.between(std::max(min, -scale / 2), std::min(max, scale / 2));
  const double others = values.between(min, max).weight - to_zero.weight;
  const double rounded = to_zero.second + others * scale * scale / 12;
  const double cut_off = values.below(min).noise_at(min) + values.above(max).noise_at(max);
  return rounded + kCutOffFactor * cut_off;
}

// That bound of the range, among `extreme` and its fractions, where `noise_with` is least.
template <typename NoiseWith>
double best_bound(double extreme, const NoiseWith& noise_with) {
  constexpr int kFractionsPerOctave = 16;
  constexpr int kOctaves = 5;
  double best = extreme;
  double least = std::numeric_limits<double>::infinity();
  for (int i = 0; i <= kOctaves * kFractionsPerOctave; ++i) {
    const double bound = extreme * std::exp2(-static_cast<double>(i) / kFractionsPerOctave);
    const double found = noise_with(bound);
    if (found < least) {
      least = found;
      best = bound;
    }
  }
  return best;
}

Range best_symmetric_range(const CumulativeMoments& values, double extreme) {
  const double max =
      best_bound(extreme, [&](double bound) { return noise(values, -bound, bound); });
  return {static_cast<float>(-max), static_cast<float>(max)};
}

// One bound after the other, until neither moves: the noise falls with each move.
Range best_affine_range(const CumulativeMoments& values, double lowest, double highest) {
  double min = lowest;
  double max = highest;
  for (bool moves = true; moves;) {
    const double new_max =
        best_bound(highest, [&](double bound) { return noise(values, min, bound); });
    const double new_min =
        best_bound(lowest, [&](double bound) { return noise(values, bound, new_max); });
    moves = new_min != min || new_max != max;
    min = new_min;
    max = new_max;
  }
  return {static_cast<float>(min), static_cast<float>(max)};
}

}  // namespace

Range least_error_range(const ActivationHistogram& histogram, QDType dtype) {
  const CumulativeMoments values(histogram);
  const double lowest = std::min(0.0, static_cast<double>(histogram.extremes().min));
  const double highest = std::max(0.0, static_cast<double>(histogram.extremes().max));
  return dtype == QDType::Int8 ? best_symmetric_range(values, std::max(-lowest, highest))
                               : best_affine_range(values, lowest, highest);
}

}  // namespace int8graph
