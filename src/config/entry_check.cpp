#include "config/entry_check.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>
#include <unordered_set>

#include "config/entry_place.h"
#include "config/entry_schema.h"
#include "config/flow_names.h"
#include "config/json_text.h"

namespace int8graph {
namespace {

std::string quoted(const std::string& text) {
  return describe(Json(text));
}

std::string element(std::string_view field, std::size_t i) {
  return std::string(field) + "[" + std::to_string(i) + "]";
}

std::string number(double value) {
  return std::isfinite(value) ? format_double(value)
         : std::isnan(value)  ? "NaN"
         : value > 0          ? "Infinity"
                              : "-Infinity";
}

bool is_operator_name(const std::string& name) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  return !name.empty() && is_letter(name.front()) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return is_letter(c) || is_digit(c); });
}

// PyTorch's kernels compute with the scale as a float, which must be a normal one.
bool is_scale(double value) {
  return value >= static_cast<double>(std::numeric_limits<float>::min()) &&
         value <= static_cast<double>(std::numeric_limits<float>::max());
}

// The checks of one entry, in the order of its fields.
class EntryCheck {
 public:
  EntryCheck(const OperatorEntry& entry, const std::string& source, std::size_t position)
      : entry_(entry),
        place_{source, position,
               " (id " + std::to_string(entry.id) + ", name " + quoted(entry.name) + ")"} {}

  /// @param produced names of the outputs of all earlier entries
  void run(const std::unordered_set<std::string>& produced) const {
    check_identity();
    check_activations(inputs());
    check_activations(outputs());
    check_weights();
    check_flow(produced);
    check_ranges("input_ranges", entry_.input_ranges, entry_.inputs_flow.size());
    check_ranges("output_ranges", entry_.output_ranges, entry_.outputs_flow.size());
    check_seen("input_histograms", entry_.input_histograms.size(), entry_.inputs_flow.size());
  }

 private:
  // The parallel lists of one side, and what they are called.
  struct Side {
    std::string_view flow_name, scales_name, zero_points_name, dtypes_name, quantized_name;
    const std::vector<std::string>& flow;
    const std::vector<double>& scales;
    const std::vector<int64_t>& zero_points;
    const std::vector<QDType>& dtypes;
    const std::vector<bool>& quantized;
  };

  Side inputs() const {
    return {"inputs_flow",
            "input_scales",
            "input_zero_points",
            "input_quantized_dtypes",
            "inputs_quantized",
            entry_.inputs_flow,
            entry_.input_scales,
            entry_.input_zero_points,
            entry_.input_quantized_dtypes,
            entry_.inputs_quantized};
  }

  Side outputs() const {
    return {"outputs_flow",
            "output_scales",
            "output_zero_points",
            "output_quantized_dtypes",
            "outputs_quantized",
            entry_.outputs_flow,
            entry_.output_scales,
            entry_.output_zero_points,
            entry_.output_quantized_dtypes,
            entry_.outputs_quantized};
  }

  void check_identity() const {
    if (entry_.id != static_cast<int64_t>(place_.position)) {
      reject_field(place_, "id", std::to_string(entry_.id),
                   std::to_string(place_.position) + ", " + std::string(accepted_values("id")));
    }
    if (!is_operator_name(entry_.name)) {
      reject_field(place_, "name", quoted(entry_.name), accepted_values("name"));
    }
  }

  void check_activations(const Side& side) const {
    const std::size_t count = side.flow.size();
    check_length(side.scales_name, side.scales.size(), count, side.flow_name);
    check_length(side.zero_points_name, side.zero_points.size(), count, side.flow_name);
    check_length(side.dtypes_name, side.dtypes.size(), count, side.flow_name);
    check_length(side.quantized_name, side.quantized.size(), count, side.flow_name);
    for (std::size_t i = 0; i < count; ++i) {
      check_scale(element(side.scales_name, i), side.scales[i]);
      check_zero_point(element(side.zero_points_name, i), side.zero_points[i], side.dtypes[i]);
    }
  }

  void check_length(std::string_view field, std::size_t length, std::size_t wanted,
                    std::string_view model) const {
    if (length == wanted) return;
    reject_field(place_, field, "a list of length " + std::to_string(length),
                 "length " + std::to_string(wanted) + ", that of " + std::string(model));
  }

  void check_scale(const std::string& field, double scale) const {
    if (!is_scale(scale))
      reject_field(place_, field, number(scale), accepted_values("input_scales"));
  }

  void check_zero_point(const std::string& field, int64_t zero_point, QDType dtype) const {
    const int64_t largest = dtype == QDType::UInt8 ? 255 : 0;
    if (zero_point >= 0 && zero_point <= largest) return;
    reject_field(place_, field,
                 std::to_string(zero_point) + (dtype == QDType::UInt8 ? " (uint8)" : " (int8)"),
                 accepted_values("input_zero_points"));
  }

  void check_weights() const {
    for (std::size_t w = 0; w < entry_.weight_scales.size(); ++w) {
      const std::vector<double>& scales = entry_.weight_scales[w];
      const std::string field = element("weight_scales", w);
      const std::string found = "a list of length " + std::to_string(scales.size());
      if (scales.empty()) {
        reject_field(place_, field, found, "one scale per output channel, or a single one");
      }
      if (entry_.weight_granularity == WeightGranularity::PerTensor && scales.size() != 1) {
        reject_field(place_, field, found,
                     "length 1, as weight_granularity is \"per_tensor\": the greatest of the "
                     "scales covers all channels");
      }
      for (std::size_t i = 0; i < scales.size(); ++i) check_scale(element(field, i), scales[i]);
    }
  }

  void check_flow(const std::unordered_set<std::string>& produced) const {
    for (std::size_t i = 0; i < entry_.inputs_flow.size(); ++i) {
      const std::string own = input_flow_name(entry_, i);
      const std::string& found = entry_.inputs_flow[i];
      if (found != own && !produced.contains(found)) {
        reject_field(place_, element("inputs_flow", i), quoted(found),
                     quoted(own) + ", or the name of an output of an earlier entry");
      }
    }
    for (std::size_t j = 0; j < entry_.outputs_flow.size(); ++j) {
      const std::string own = output_flow_name(entry_, j);
      const std::string& found = entry_.outputs_flow[j];
      if (found != own) {
        reject_field(place_, element("outputs_flow", j), quoted(found), quoted(own));
      }
    }
  }

  void check_seen(std::string_view field, std::size_t length, std::size_t wanted) const {
    if (length == 0 || length == wanted) return;
    reject_field(place_, field, "a list of length " + std::to_string(length),
                 "length 0 or " + std::to_string(wanted));
  }

  void check_ranges(std::string_view field, const std::vector<Range>& ranges,
                    std::size_t wanted) const {
    check_seen(field, ranges.size(), wanted);
    for (std::size_t i = 0; i < ranges.size(); ++i) {
      const auto [min, max] = ranges[i];
      if (std::isfinite(min) && std::isfinite(max) && min <= max) continue;
      reject_field(
          place_, element(field, i),
          "[" + number(static_cast<double>(min)) + ", " + number(static_cast<double>(max)) + "]",
          "two finite numbers, the smaller first");
    }
  }

  const OperatorEntry& entry_;
  EntryPlace place_;
};

}  // namespace

void check_entries(const std::vector<OperatorEntry>& entries, const std::string& source) {
  std::unordered_set<std::string> produced;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    EntryCheck(entries[i], source, i).run(produced);
    produced.insert(entries[i].outputs_flow.begin(), entries[i].outputs_flow.end());
  }
}

}  // namespace int8graph
