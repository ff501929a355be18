#pragma once

#include <memory>

#include "int8graph/export.h"
#include "int8graph/quant_conf.h"

namespace int8graph {

struct CalibrationOptions {
  /// Place quantizers by the default recipe (see docs/recipe.md). Without it every input and output
  /// of every operator that has an int8 form is marked as quantized.
  bool default_recipe = true;
};

/// While an object of this class lives, the operators that PyTorch runs on this thread are
/// observed: the ranges of their activations and weights go into `conf`. Observing replaces no
/// kernel; it works alike for eager modules, ScriptModules and plain C++ calls.
///
/// Scopes on one thread may nest; each sees the operators that run inside it. No tensor is kept
/// after the scope's end. A scope ends on the thread that it began on.
///
/// Several scopes over one `conf` accumulate: the first one makes the entries and decides where
/// quantizers stand; later ones widen the ranges (`min_max`), let them follow
/// (`moving_average_min_max`) or choose them anew from all that was seen (`least_error`). A `conf`
/// from a file keeps the flags that stand there. A scope may also hold several forwards in a row,
/// as a loop inside it makes them; until it ends it then keeps 16 KB for each forward and
/// `least_error` input.
///
/// TorchScript's optimizations are off on this thread meanwhile, since they would merge and remove
/// operators that the model to be converted still has.
///
///     int8graph::QuantConf conf;
///     for (const auto& x : batches) {
///       int8graph::Calibration scope(conf);
///       model.forward({x});
///       scope.finish();
///     }
class INT8GRAPH_API Calibration {
 public:
  explicit Calibration(QuantConf& conf, CalibrationOptions options = {});

  /// Ends the scope if finish() did not. When an exception is passing through, or an error was
  /// found while observing, `conf` is left as it was before the scope; the error is then logged.
  ~Calibration();

  Calibration(const Calibration&) = delete;
  Calibration& operator=(const Calibration&) = delete;

  /// Ends observing and writes the result to `conf`.
  /// A second call does nothing.
  /// @throws std::invalid_argument when an activation or weight held a NaN, or one of a
  ///   convolution, linear layer or matmul an infinity; when no layer had an input with elements;
  ///   when a dropout or batch norm ran in training mode (these messages name the operator); or
  ///   when the operators differ from those that `conf` already holds. `conf` is then unchanged.
  void finish();

  /// Ends observing and drops what was seen.
  void abandon() noexcept;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace int8graph
