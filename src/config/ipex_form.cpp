#include "config/ipex_form.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>

#include "config/flow_names.h"

namespace int8graph {
namespace {

// A flow name of version 1.10: `add.3.input1` is operator add, id 3, an input.
struct DottedName {
  enum class End { Input, Output };
  std::string_view operator_name;
  std::size_t id;
  End end;

  bool belongs_to(const OperatorEntry& entry) const {
    return entry.name == operator_name && entry.id == static_cast<int64_t>(id);
  }
};

bool all_digits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<DottedName> parse_dotted(std::string_view text) {
  const std::size_t last_dot = text.rfind('.');
  if (last_dot == std::string_view::npos || last_dot == 0) return std::nullopt;
  const std::size_t first_dot = text.rfind('.', last_dot - 1);
  if (first_dot == std::string_view::npos) return std::nullopt;

  DottedName name{text.substr(0, first_dot), 0, DottedName::End::Input};
  const std::string_view id = text.substr(first_dot + 1, last_dot - first_dot - 1);
  const auto parsed = std::from_chars(id.data(), id.data() + id.size(), name.id);
  if (parsed.ec != std::errc{} || parsed.ptr != id.data() + id.size()) return std::nullopt;

  constexpr std::string_view kInput = "input";
  constexpr std::string_view kOutput = "output";
  std::string_view end = text.substr(last_dot + 1);
  if (end.starts_with(kOutput)) {
    name.end = DottedName::End::Output;
    end.remove_prefix(kOutput.size());
  } else if (end.starts_with(kInput)) {
    end.remove_prefix(kInput.size());
  } else {
    return std::nullopt;
  }
  if (!all_digits(end)) return std::nullopt;
  return name;
}

void adopt_flow_names(std::vector<OperatorEntry>& entries) {
  for (std::size_t e = 0; e < entries.size(); ++e) {
    OperatorEntry& entry = entries[e];
    for (std::size_t i = 0; i < entry.inputs_flow.size(); ++i) {
      std::string& flow = entry.inputs_flow[i];
      const std::optional<DottedName> name = parse_dotted(flow);
      if (!name) continue;
      if (name->end == DottedName::End::Input) {
        if (name->belongs_to(entry)) flow = input_flow_name(entry, i);
      } else if (name->id < entries.size() && name->belongs_to(entries[name->id])) {
        // No operator of version 1.10 has more than one output.
        flow = name->id < e ? output_flow_name(entries[name->id], 0) : input_flow_name(entry, i);
      }
    }
    for (std::size_t j = 0; j < entry.outputs_flow.size(); ++j) {
      const std::optional<DottedName> name = parse_dotted(entry.outputs_flow[j]);
      if (name && name->end == DottedName::End::Output && name->belongs_to(entry)) {
        entry.outputs_flow[j] = output_flow_name(entry, j);
      }
    }
  }
}

bool has_flow_only(const OperatorEntry& entry) {
  return !entry.outputs_flow.empty() && entry.input_scales.empty() &&
         entry.input_zero_points.empty() && entry.input_quantized_dtypes.empty() &&
         entry.inputs_quantized.empty() && entry.output_scales.empty() &&
         entry.output_zero_points.empty() && entry.output_quantized_dtypes.empty() &&
         entry.outputs_quantized.empty();
}

void fill_in_unobserved(std::vector<OperatorEntry>& entries) {
  // The scheme of the others, so that filling in does not change what the file's scheme is.
  const QDType dtype =
      scheme_of(entries) == QScheme::PerTensorSymmetric ? QDType::Int8 : QDType::UInt8;
  for (OperatorEntry& entry : entries) {
    if (!has_flow_only(entry)) continue;
    const std::size_t inputs = entry.inputs_flow.size();
    entry.input_scales.assign(inputs, 1.0);
    entry.input_zero_points.assign(inputs, 0);
    entry.input_quantized_dtypes.assign(inputs, dtype);
    entry.inputs_quantized.assign(inputs, false);
    const std::size_t outputs = entry.outputs_flow.size();
    entry.output_scales.assign(outputs, 1.0);
    entry.output_zero_points.assign(outputs, 0);
    entry.output_quantized_dtypes.assign(outputs, dtype);
    entry.outputs_quantized.assign(outputs, false);
  }
}

}  // namespace

void adopt_ipex_form(std::vector<OperatorEntry>& entries) {
  adopt_flow_names(entries);
  fill_in_unobserved(entries);
}

QScheme scheme_of(const std::vector<OperatorEntry>& entries) {
  bool any = false;
  for (const OperatorEntry& entry : entries) {
    for (const auto* dtypes : {&entry.input_quantized_dtypes, &entry.output_quantized_dtypes}) {
      for (const QDType dtype : *dtypes) {
        if (dtype != QDType::Int8) return QScheme::PerTensorAffine;
        any = true;
      }
    }
  }
  return any ? QScheme::PerTensorSymmetric : QScheme::PerTensorAffine;
}

}  // namespace int8graph
