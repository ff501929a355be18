#include "observe/accumulate.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

#include "config/flow_names.h"
#include "observe/least_error.h"
#include "observe/quantization_parameters.h"
#include "recipe/recipe.h"

namespace int8graph {

namespace {

// Far above any activation that means something, far below a mask of lowest floats.
constexpr float kLargestQuantizable = 1e30f;
constexpr float kLargestFloat = std::numeric_limits<float>::max();

using Calls = std::span<const ObservedCall>;

std::string counted(size_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

std::string text_of(const std::vector<int64_t>& sizes) {
  std::string text = "[";
  for (const int64_t size : sizes) text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  return text + "]";
}

std::string label(const std::string& name, size_t id) {
  return "operator " + std::to_string(id) + " (" + name + ")";
}

// --- Are these the operators that the configuration knows? -------------------------------------

std::string describe(const ObservedCall& call) {
  std::string text = std::string(call.row->name) + " with " + counted(call.inputs.size(), "input") +
                     " and " + counted(call.outputs.size(), "output");
  if (call.weight.has_value()) text += ", weight " + text_of(call.weight->sizes);
  return text;
}

std::string describe(const OperatorEntry& entry) {
  std::string text = entry.name + " with " + counted(entry.inputs_flow.size(), "input") + " and " +
                     counted(entry.outputs_flow.size(), "output");
  if (!entry.weight_scales.empty()) {
    text += ", " + counted(entry.weight_scales[0].size(), "weight scale");
  }
  return text;
}

bool fits(const ObservedCall& call, const OperatorEntry& entry) {
  if (call.row->name != entry.name || call.inputs.size() != entry.inputs_flow.size() ||
      call.outputs.size() != entry.outputs_flow.size()) {
    return false;
  }
  if (!call.weight.has_value() || entry.weight_scales.empty()) return true;
  const size_t scales = entry.weight_scales[0].size();
  return scales == 1 || scales == call.weight->channel_ranges->size();
}

void check_same_operators(Calls calls, const std::vector<OperatorEntry>& entries) {
  for (size_t i = 0; i < calls.size(); ++i) {
    const OperatorEntry& entry = entries[i % entries.size()];
    if (fits(calls[i], entry)) continue;
    throw std::invalid_argument("calibration: " + label(entry.name, i % entries.size()) +
                                " differs: the configuration has " + describe(entry) +
                                ", the model ran " + describe(calls[i]) +
                                ". A configuration belongs to one model and its control flow.");
  }
  if (calls.size() % entries.size() != 0) {
    throw std::invalid_argument("calibration: the configuration has " +
                                counted(entries.size(), "operator") +
                                " per forward, the model ran " + std::to_string(calls.size()) +
                                ", which is not a whole number of forwards");
  }
}

// --- Is there anything in them? ---------------------------------------------------------------

// A branch may run on nothing, as an expert does that no token goes to; a whole forward may not.
void check_not_empty(Calls calls) {
  const auto computes = [](const ObservedCall& call) {
    return call.row->is_compute() && !call.inputs.empty();
  };
  const auto is_empty = [&](const ObservedCall& call) {
    return !computes(call) || !call.inputs[0].range.has_value();
  };
  const auto first = std::find_if(calls.begin(), calls.end(), computes);
  if (first == calls.end() || !std::all_of(calls.begin(), calls.end(), is_empty)) return;
  throw std::invalid_argument(
      "calibration: input 0 of " +
      label(std::string(first->row->name), static_cast<size_t>(first - calls.begin())) +
      " has no elements, nor has that of any other layer: the batch holds no samples");
}

// --- Are these numbers? -----------------------------------------------------------------------

void check_range(Range range, const OperatorEntry& entry, const std::string& what,
                 bool may_be_infinite) {
  const bool is_nan = std::isnan(range.min) || std::isnan(range.max);
  const bool is_infinite = std::isinf(range.min) || std::isinf(range.max);
  if (!is_nan && (!is_infinite || may_be_infinite)) return;
  const std::string found = is_nan ? "NaN" : range.min == -HUGE_VALF ? "-infinity" : "infinity";
  throw std::invalid_argument("calibration: " + what + " of " +
                              label(entry.name, static_cast<size_t>(entry.id)) + " holds " + found +
                              "; calibration needs finite values");
}

void check_numbers(const ObservedCall& call, const OperatorEntry& entry) {
  const auto check_all = [&](const std::vector<ObservedActivation>& side, const char* noun) {
    for (size_t i = 0; i < side.size(); ++i) {
      if (!side[i].range.has_value()) continue;
      // Masks of minus infinity are added to scores and never quantized.
      check_range(*side[i].range, entry, noun + std::to_string(i), !call.row->is_compute());
    }
  };
  check_all(call.inputs, "input ");
  if (call.weight.has_value()) {
    for (const Range channel : *call.weight->channel_ranges) {
      check_range(channel, entry, "the weight", /*may_be_infinite=*/false);
    }
  }
  check_all(call.outputs, "output ");
}

// --- Entries ----------------------------------------------------------------------------------

// Whether the weight comes from activations, so that there is no constant to store as int8. Weights
// that element-wise operators make from parameters (spectral norm and the like) become constants in
// a frozen model; what comes from activations has passed a layer.
bool has_constant_weight(Calls calls, const ObservedCall& call) {
  if (!call.weight.has_value()) return false;
  for (auto origin = call.weight->origin; origin.has_value(); origin = calls[*origin].origin) {
    const Operator& row = *calls[*origin].row;
    if (row.is_compute() || row.op_class == OpClass::Lookup) return false;
  }
  return true;
}

std::vector<OperatorEntry> new_entries(Calls forward, QScheme qscheme) {
  const QDType dtype = qscheme == QScheme::PerTensorAffine ? QDType::UInt8 : QDType::Int8;
  std::vector<OperatorEntry> entries;
  for (const ObservedCall& call : forward) {
    OperatorEntry entry;
    entry.id = static_cast<int64_t>(entries.size());
    entry.name = call.row->name;
    entry.algorithm = first_algorithm(*call.row);
    for (size_t i = 0; i < call.inputs.size(); ++i) {
      const auto flow = call.inputs[i].flow;
      entry.inputs_flow.push_back(flow.has_value() && flow->call < entries.size()
                                      ? output_flow_name(entries[flow->call], flow->output)
                                      : input_flow_name(entry, i));
    }
    for (size_t i = 0; i < call.outputs.size(); ++i) {
      entry.outputs_flow.push_back(output_flow_name(entry, i));
    }
    entry.input_scales.resize(call.inputs.size(), 1.0);
    entry.input_zero_points.resize(call.inputs.size(), 0);
    for (size_t i = 0; i < call.inputs.size(); ++i) {
      entry.input_quantized_dtypes.push_back(call.row->needs_symmetric(i) ? QDType::Int8 : dtype);
    }
    entry.inputs_quantized.resize(call.inputs.size(), false);
    entry.output_scales.resize(call.outputs.size(), 1.0);
    entry.output_zero_points.resize(call.outputs.size(), 0);
    entry.output_quantized_dtypes.resize(call.outputs.size(), dtype);
    entry.outputs_quantized.resize(call.outputs.size(), false);
    // The recipe reads from it that there is a constant weight; the numbers come later.
    if (has_constant_weight(forward, call)) entry.weight_scales.push_back({1.0});
    entries.push_back(std::move(entry));
  }
  return entries;
}

Range within_float(Range range) {
  return {std::clamp(range.min, -kLargestFloat, kLargestFloat),
          std::clamp(range.max, -kLargestFloat, kLargestFloat)};
}

// Ranges before the first scope over this configuration: what a file expresses. In a new entry,
// where they are empty, the first range found takes the place; {0, 0} stands where none was.
void restore_ranges(OperatorEntry& entry) {
  if (entry.input_ranges.empty()) {
    for (size_t i = 0; i < entry.input_scales.size(); ++i) {
      entry.input_ranges.push_back(range_of({entry.input_scales[i], entry.input_zero_points[i]},
                                            entry.input_quantized_dtypes[i]));
    }
  }
  if (entry.output_ranges.empty()) {
    for (size_t i = 0; i < entry.output_scales.size(); ++i) {
      entry.output_ranges.push_back(range_of({entry.output_scales[i], entry.output_zero_points[i]},
                                             entry.output_quantized_dtypes[i]));
    }
  }
}

// Start values of a new entry, from the first forward.
void first_ranges(const ObservedCall& call, OperatorEntry& entry) {
  const auto start = [](const std::vector<ObservedActivation>& side, std::vector<Range>& ranges) {
    for (const ObservedActivation& seen : side) {
      ranges.push_back(within_float(seen.range.value_or(Range{0.0f, 0.0f})));
    }
  };
  start(call.inputs, entry.input_ranges);
  start(call.outputs, entry.output_ranges);
}

void add_ranges(const ObservedCall& call, OperatorEntry& entry) {
  const auto add = [&](const std::vector<ObservedActivation>& side, std::vector<Range>& ranges) {
    for (size_t i = 0; i < side.size(); ++i) {
      if (!side[i].range.has_value()) continue;
      const Range latest = within_float(*side[i].range);
      ranges[i] = entry.algorithm == Algorithm::MovingAverageMinMax
                      ? moving_average(ranges[i], latest)
                      : join(ranges[i], latest);
    }
  };
  add(call.inputs, entry.input_ranges);
  add(call.outputs, entry.output_ranges);
}

std::shared_ptr<const ActivationHistogram> sum_of(
    const std::shared_ptr<const ActivationHistogram>& a,
    const std::shared_ptr<const ActivationHistogram>& b) {
  if (a == nullptr || b == nullptr) return a == nullptr ? b : a;
  auto sum = std::make_shared<ActivationHistogram>(*a);
  sum->add(*b);
  return sum;
}

void add_histograms(const ObservedCall& call, OperatorEntry& entry) {
  if (entry.algorithm != Algorithm::LeastError) return;
  entry.input_histograms.resize(call.inputs.size());
  for (size_t i = 0; i < call.inputs.size(); ++i) {
    entry.input_histograms[i] = sum_of(entry.input_histograms[i], call.inputs[i].histogram);
  }
}

void set_weight_scales(const ObservedCall& call, OperatorEntry& entry) {
  if (!call.weight.has_value() || entry.weight_scales.empty()) return;
  const std::vector<Range>& channels = *call.weight->channel_ranges;
  if (channels.empty()) return;
  std::vector<double>& scales = entry.weight_scales[0];
  scales.clear();
  for (const Range channel : channels) scales.push_back(choose_weight_scale(channel));
  if (entry.weight_granularity == WeightGranularity::PerTensor) {
    scales = {*std::max_element(scales.begin(), scales.end())};
  }
}

bool is_quantizable(const OperatorEntry& entry) {
  const auto fits_8_bits = [](Range range) {
    return range.min >= -kLargestQuantizable && range.max <= kLargestQuantizable;
  };
  return std::all_of(entry.input_ranges.begin(), entry.input_ranges.end(), fits_8_bits) &&
         std::all_of(entry.output_ranges.begin(), entry.output_ranges.end(), fits_8_bits);
}

void clear_flags(OperatorEntry& entry) {
  entry.inputs_quantized.assign(entry.inputs_quantized.size(), false);
  entry.outputs_quantized.assign(entry.outputs_quantized.size(), false);
}

void set_parameters(OperatorEntry& entry, bool is_output, size_t position, Range range) {
  const auto& dtypes = is_output ? entry.output_quantized_dtypes : entry.input_quantized_dtypes;
  const QuantizationParameters chosen = choose_parameters(range, dtypes[position]);
  (is_output ? entry.output_scales : entry.input_scales)[position] = chosen.scale;
  (is_output ? entry.output_zero_points : entry.input_zero_points)[position] = chosen.zero_point;
}

// The range that the entry's algorithm has come to, for one activation.
Range range_of(const OperatorEntry& entry, bool is_output, size_t position) {
  if (is_output) return entry.output_ranges[position];
  const bool has_histogram =
      entry.algorithm == Algorithm::LeastError && entry.input_histograms[position] != nullptr;
  if (!has_histogram) return entry.input_ranges[position];
  return least_error_range(*entry.input_histograms[position],
                           entry.input_quantized_dtypes[position]);
}

// Each activation's own range, except where the recipe wants one set of parameters for several.
void compute_parameters(std::vector<OperatorEntry>& entries) {
  for (OperatorEntry& entry : entries) {
    for (size_t i = 0; i < entry.input_ranges.size(); ++i) {
      set_parameters(entry, /*is_output=*/false, i, range_of(entry, /*is_output=*/false, i));
    }
    for (size_t i = 0; i < entry.output_ranges.size(); ++i) {
      set_parameters(entry, /*is_output=*/true, i, range_of(entry, /*is_output=*/true, i));
    }
  }
  for (const std::vector<Activation>& group : groups_of_equal_parameters(entries)) {
    const auto range_at = [&](const Activation& activation) {
      return range_of(entries[activation.entry], activation.is_output, activation.position);
    };
    Range common = range_at(group[0]);
    for (const Activation& activation : group) common = join(common, range_at(activation));
    for (const Activation& activation : group) {
      set_parameters(entries[activation.entry], activation.is_output, activation.position, common);
    }
  }
}

// --- Forwards ---------------------------------------------------------------------------------

bool is_repeated(const ObservedCall& first, const ObservedCall& second) {
  if (first.row != second.row || first.inputs.size() != second.inputs.size() ||
      first.outputs.size() != second.outputs.size() ||
      first.weight.has_value() != second.weight.has_value()) {
    return false;
  }
  return !first.weight.has_value() || first.weight->same_as(*second.weight);
}

bool has_period(Calls calls, size_t period) {
  for (size_t i = period; i < calls.size(); ++i) {
    if (!is_repeated(calls[i - period], calls[i])) return false;
    if (calls[i].origin.has_value() && *calls[i].origin / period != i / period) return false;
  }
  return std::any_of(calls.begin(), calls.begin() + static_cast<std::ptrdiff_t>(period),
                     [](const ObservedCall& call) { return call.weight.has_value(); });
}

}  // namespace

size_t forwards_in(const std::vector<ObservedCall>& calls) {
  for (size_t period = 1; period <= calls.size() / 2; ++period) {
    if (calls.size() % period == 0 && has_period(calls, period)) return calls.size() / period;
  }
  return 1;
}

std::vector<OperatorEntry> accumulate(const std::vector<ObservedCall>& calls,
                                      std::vector<OperatorEntry> entries, QScheme qscheme,
                                      const CalibrationOptions& options) {
  if (calls.empty()) return entries;
  check_not_empty(calls);
  const bool is_new = entries.empty();
  if (is_new) {
    const size_t period = calls.size() / forwards_in(calls);
    entries = new_entries(Calls(calls).first(period), qscheme);
    if (options.default_recipe) {
      apply_default_recipe(entries);
    } else {
      quantize_everything(entries);
    }
  } else {
    check_same_operators(calls, entries);
  }
  for (size_t i = 0; i < calls.size(); ++i) {
    OperatorEntry& entry = entries[i % entries.size()];
    check_numbers(calls[i], entry);
    if (is_new && i < entries.size()) {
      first_ranges(calls[i], entry);
    } else {
      restore_ranges(entry);
      add_ranges(calls[i], entry);
    }
    add_histograms(calls[i], entry);
    set_weight_scales(calls[i], entry);
  }
  for (OperatorEntry& entry : entries) {
    if (!is_quantizable(entry)) clear_flags(entry);
  }
  compute_parameters(entries);
  return entries;
}

}  // namespace int8graph
