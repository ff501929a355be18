#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "int8graph/quant_conf.h"

namespace int8graph {

/// How the values of an activation are distributed, each value weighted by how much noise on it
/// matters. Its size is fixed: 2048 bins of equal width over [-2^e, 2^e), with the least e that all
/// values fit under; it grows by merging pairs of bins. So what it holds depends on the order of
/// what was added by the rounding of sums only. Zeros are left out: a quantizer keeps them exactly.
class ActivationHistogram {
 public:
  static constexpr size_t kBins = 2048;

  /// @param extremes finite; all values that add_row() is to be given lie between them
  explicit ActivationHistogram(Range extremes);

  /// Adds values of equal weight.
  void add_row(std::span<const float> values, double weight);

  /// Adds what another one holds.
  void add(const ActivationHistogram& other);

  Range extremes() const { return extremes_; }
  const std::vector<double>& weights() const { return weights_; }

  /// The width of a bin; bin i begins at (i - kBins / 2) times this.
  double bin_width() const;

 private:
  Range extremes_;
  int exponent_;
  std::vector<double> weights_;  // of all values in a bin
};

}  // namespace int8graph
