#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "int8graph/export.h"

namespace int8graph {

/// How activations become integers. Affine: uint8 with a zero point in 0..255. Symmetric: int8 with
/// zero point 0. Both use 256 levels.
enum class QScheme { PerTensorAffine, PerTensorSymmetric };

enum class QDType { UInt8, Int8 };

enum class WeightGranularity { PerChannel, PerTensor };

/// How the range of an activation is found over several batches.
/// - MinMax: the extremes of all of them.
/// - MovingAverageMinMax: an average that follows each batch's extremes (with PyTorch's default
///   constant 0.01).
/// - LeastError: the range with which quantizing all of them makes the least error, relative to the
///   vectors that the operator multiplies; for the inputs of convolution, linear and matmul, all
///   else as MinMax.
enum class Algorithm { MinMax, MovingAverageMinMax, LeastError };

/// The closed interval of values that an observer saw.
struct Range {
  float min;
  float max;
};

/// How the values of an activation are distributed; private to the library.
class ActivationHistogram;

/// One operator call of the model, as the JSON file holds it. Lists are parallel: position i of
/// `input_*` and `inputs_*` speaks of activation input i, of `output_*` and `outputs_*` of output
/// i, of `weight_scales` of weight i.
struct OperatorEntry {
  int64_t id = 0;    ///< position in execution order, from 0
  std::string name;  ///< operator, e.g. `conv2d`
  Algorithm algorithm = Algorithm::MinMax;
  WeightGranularity weight_granularity = WeightGranularity::PerChannel;
  std::vector<double> input_scales;
  std::vector<int64_t> input_zero_points;
  std::vector<double> output_scales;
  std::vector<int64_t> output_zero_points;
  std::vector<std::vector<double>> weight_scales;  ///< one scale per output channel, or one in all
  std::vector<QDType> input_quantized_dtypes;
  std::vector<QDType> output_quantized_dtypes;
  std::vector<bool> inputs_quantized;  ///< whether a quantizer stands there
  std::vector<bool> outputs_quantized;
  std::vector<std::string> inputs_flow;  ///< the output that feeds the input, else its own name
  std::vector<std::string> outputs_flow;

  /// What calibration has seen so far. Not part of the file: empty after reading one. Histograms
  /// are there for LeastError, null where nothing was seen.
  std::vector<Range> input_ranges;
  std::vector<Range> output_ranges;
  std::vector<std::shared_ptr<const ActivationHistogram>> input_histograms;
};

class Calibration;

/// What calibration writes and convert() reads: one entry per operator, in execution order.
class INT8GRAPH_API QuantConf {
 public:
  /// An empty configuration, to be filled by Calibration.
  explicit QuantConf(QScheme qscheme = QScheme::PerTensorAffine) : qscheme_(qscheme) {}

  /// Reads a JSON file that save() or Intel Extension for PyTorch 1.10-1.11 wrote.
  /// @param qscheme for later calibration. By default that of the file: symmetric when all its
  ///   activations are `int8`, otherwise affine.
  /// @throws std::system_error when the file can't be read; std::invalid_argument when its content
  ///   is not valid: the message names the file, the entry, the field, what was found and what is
  ///   accepted.
  explicit QuantConf(const std::string& configure_file,
                     std::optional<QScheme> qscheme = std::nullopt);

  /// The same for JSON text. `source` stands in messages where a file's name would.
  static QuantConf from_json(const std::string& text, const std::string& source,
                             std::optional<QScheme> qscheme = std::nullopt);

  /// JSON with 4-space indents, shortest doubles that read back to the same value, and a newline at
  /// the end. Reading it and writing it again gives the same bytes.
  std::string to_json() const;

  /// Writes to_json() to a file, which appears whole or not at all.
  /// @throws std::system_error when it can't be written: the old file is then untouched;
  ///   std::invalid_argument when there is nothing to write yet.
  void save(const std::string& configure_file) const;

  QScheme qscheme() const { return qscheme_; }
  const std::vector<OperatorEntry>& entries() const { return entries_; }

  /// Replaces all entries, after the checks that reading a file makes; keeps the scheme.
  /// @throws std::invalid_argument when an entry is not valid; the old entries then stay.
  void set_entries(std::vector<OperatorEntry> entries);

  /// Why there are no entries, for messages. Calibration that found none tells what ran instead.
  const std::string& why_empty() const { return why_empty_; }

 private:
  friend class Calibration;  // tells why_empty()

  QScheme qscheme_;
  std::vector<OperatorEntry> entries_;
  std::string why_empty_ =
      "it has seen no calibration; run the model on data inside a calibrate block first";
};

}  // namespace int8graph
