#include "config/entry_schema.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <utility>
#include <vector>

#include "config/entry_place.h"

namespace int8graph {
namespace {

// ---- enumerations as the file spells them: the first spelling of a value is the one written

template <typename Enum>
using Spelling = std::pair<std::string_view, Enum>;

constexpr std::array kAlgorithms{
    Spelling<Algorithm>{"min_max", Algorithm::MinMax},
    Spelling<Algorithm>{"moving_average_min_max", Algorithm::MovingAverageMinMax},
    Spelling<Algorithm>{"least_error", Algorithm::LeastError},
    // Intel Extension for PyTorch 1.10-1.11 spells it so.
    Spelling<Algorithm>{"moving_averager_min_max", Algorithm::MovingAverageMinMax}};

constexpr std::array kGranularities{
    Spelling<WeightGranularity>{"per_channel", WeightGranularity::PerChannel},
    Spelling<WeightGranularity>{"per_tensor", WeightGranularity::PerTensor}};

constexpr std::array kDTypes{Spelling<QDType>{"uint8", QDType::UInt8},
                             Spelling<QDType>{"int8", QDType::Int8}};

constexpr const auto& spellings(Algorithm) {
  return kAlgorithms;
}
constexpr const auto& spellings(WeightGranularity) {
  return kGranularities;
}
constexpr const auto& spellings(QDType) {
  return kDTypes;
}

// ---- JSON to members

// A value on the way in, with all that a message about it needs.
struct Cursor {
  const Json& value;
  const EntryPlace& place;
  std::string field;  // input_scales, and within it input_scales[0]
  std::string_view accepted;

  [[noreturn]] void reject() const { reject_field(place, field, describe(value), accepted); }

  Cursor element(std::size_t i) const {
    return {value[i], place, field + "[" + std::to_string(i) + "]", accepted};
  }
};

void decode(const Cursor& at, std::string& out) {
  if (!at.value.is_string()) at.reject();
  out = at.value.get<std::string>();
}

void decode(const Cursor& at, bool& out) {
  if (!at.value.is_boolean()) at.reject();
  out = at.value.get<bool>();
}

void decode(const Cursor& at, int64_t& out) {
  constexpr auto kLargest = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  if (!at.value.is_number_integer()) at.reject();  // unsigned ones are among them
  if (at.value.is_number_unsigned() && at.value.get<uint64_t>() > kLargest) at.reject();
  out = at.value.get<int64_t>();
}

void decode(const Cursor& at, double& out) {
  if (!at.value.is_number()) at.reject();
  out = at.value.get<double>();
}

template <typename Enum>
requires std::is_enum_v<Enum>
void decode(const Cursor& at, Enum& out) {
  if (!at.value.is_string()) at.reject();
  const auto& names = spellings(Enum{});
  const auto found = std::find_if(names.begin(), names.end(), [&](const Spelling<Enum>& spelling) {
    return spelling.first == at.value.get_ref<const std::string&>();
  });
  if (found == names.end()) at.reject();
  out = found->second;
}

template <typename T>
void decode(const Cursor& at, std::vector<T>& out) {
  if (!at.value.is_array()) {
    const std::string accepted = "a list; in it: " + std::string(at.accepted);
    Cursor{at.value, at.place, at.field, accepted}.reject();
  }
  out.clear();
  for (std::size_t i = 0; i < at.value.size(); ++i) {
    T element{};
    decode(at.element(i), element);
    out.push_back(std::move(element));
  }
}

// One list of scales per weight. Intel Extension for PyTorch 1.10 writes those of the only weight
// without a list around them, and `[]` or `[[]]` when there is no weight.
void decode(const Cursor& at, std::vector<std::vector<double>>& out) {
  const bool flat = at.value.is_array() && !at.value.empty() && at.value.front().is_number();
  if (flat) {
    out.resize(1);
    decode(at, out.front());
    return;
  }
  decode<std::vector<double>>(at, out);
  if (out.size() == 1 && out.front().empty()) out.clear();
}

// ---- members to JSON, in the layout of Python's json.dump(..., indent=4)

constexpr int kEntryDepth = 1;
constexpr int kFieldDepth = 2;

void start_line(std::string& out, int depth) {
  out += '\n';
  out.append(static_cast<std::size_t>(depth) * 4, ' ');
}

// Names hold nothing that JSON would escape: check_entries() saw to that.
void encode(std::string_view value, int, std::string& out) {
  out.append("\"").append(value).append("\"");
}

void encode(const std::string& value, int depth, std::string& out) {
  encode(std::string_view(value), depth, out);
}

void encode(bool value, int, std::string& out) {
  out += value ? "true" : "false";
}
void encode(int64_t value, int, std::string& out) {
  out += std::to_string(value);
}
void encode(double value, int, std::string& out) {
  out += format_double(value);
}

template <typename Enum>
requires std::is_enum_v<Enum>
void encode(Enum value, int depth, std::string& out) {
  const auto& names = spellings(value);
  const auto found = std::find_if(names.begin(), names.end(), [&](const Spelling<Enum>& spelling) {
    return spelling.second == value;
  });
  if (found == names.end()) throw std::logic_error("an enumerator without a name");
  encode(found->first, depth, out);
}

template <typename T>
void encode(const std::vector<T>& list, int depth, std::string& out) {
  if (list.empty()) {
    out += "[]";
    return;
  }
  out += '[';
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (i > 0) out += ',';
    start_line(out, depth + 1);
    encode(static_cast<const T&>(list[i]), depth + 1, out);
  }
  start_line(out, depth);
  out += ']';
}

// ---- the table

struct Field {
  std::string_view name;
  std::string_view accepted;  // for the value, or for each element of a list
  void (*read)(const Cursor&, OperatorEntry&);
  void (*write)(const OperatorEntry&, std::string&);
};

template <auto Member>
constexpr Field field(std::string_view name, std::string_view accepted) {
  return {name, accepted, [](const Cursor& at, OperatorEntry& entry) { decode(at, entry.*Member); },
          [](const OperatorEntry& entry, std::string& out) {
            encode(entry.*Member, kFieldDepth, out);
          }};
}

constexpr std::string_view kScale =
    "a number above 0 that a 32-bit float holds (1.1754944e-38 to 3.4028235e+38)";
constexpr std::string_view kZeroPoint = "an integer, 0..255 for uint8 and 0 for int8";
constexpr std::string_view kDType = "\"uint8\" or \"int8\"";
constexpr std::string_view kFlag = "true or false";

// In the order of the file.
constexpr std::array kFields{
    field<&OperatorEntry::id>("id", "an integer, the position of the entry in the list, from 0"),
    field<&OperatorEntry::name>("name", "an operator's name, made of letters, digits and _"),
    field<&OperatorEntry::algorithm>("algorithm",
                                     "\"min_max\", \"moving_average_min_max\" or \"least_error\""),
    field<&OperatorEntry::weight_granularity>("weight_granularity",
                                              "\"per_channel\" or \"per_tensor\""),
    field<&OperatorEntry::input_scales>("input_scales", kScale),
    field<&OperatorEntry::input_zero_points>("input_zero_points", kZeroPoint),
    field<&OperatorEntry::output_scales>("output_scales", kScale),
    field<&OperatorEntry::output_zero_points>("output_zero_points", kZeroPoint),
    field<&OperatorEntry::weight_scales>("weight_scales", kScale),
    field<&OperatorEntry::input_quantized_dtypes>("input_quantized_dtypes", kDType),
    field<&OperatorEntry::output_quantized_dtypes>("output_quantized_dtypes", kDType),
    field<&OperatorEntry::inputs_quantized>("inputs_quantized", kFlag),
    field<&OperatorEntry::outputs_quantized>("outputs_quantized", kFlag),
    field<&OperatorEntry::inputs_flow>("inputs_flow",
                                       "the input's own name or that of the output that feeds it"),
    field<&OperatorEntry::outputs_flow>("outputs_flow", "the output's own name")};

const Field* find_field(std::string_view name) {
  const auto found = std::find_if(kFields.begin(), kFields.end(),
                                  [&](const Field& field) { return field.name == name; });
  return found == kFields.end() ? nullptr : found;
}

std::string all_field_names() {
  std::string names;
  for (const Field& field : kFields) names.append(names.empty() ? "" : ", ").append(field.name);
  return names;
}

// Who the entry is, as far as its object tells; both may still turn out to be wrong.
std::string label_of(const Json& object) {
  std::string label;
  for (const char* field : {"id", "name"}) {
    const auto found = object.find(field);
    if (found == object.end()) continue;
    label += label.empty() ? " (" : ", ";
    label += std::string(field) + " " + describe(*found);
  }
  return label.empty() ? label : label + ")";
}

}  // namespace

OperatorEntry read_entry(const Json& value, const std::string& source, std::size_t position) {
  EntryPlace place{source, position, ""};
  if (!value.is_object()) {
    throw std::invalid_argument(place.text() + " is " + describe(value) +
                                "; accepted: an object with the fields " + all_field_names());
  }
  place.label = label_of(value);
  for (const auto& item : value.items()) {
    if (find_field(item.key()) == nullptr) {
      reject_field(place, describe(item.key()), "not known", all_field_names());
    }
  }
  OperatorEntry entry;
  for (const Field& field : kFields) {
    const auto found = value.find(field.name);
    if (found == value.end()) reject_field(place, field.name, "missing", field.accepted);
    field.read({*found, place, std::string(field.name), field.accepted}, entry);
  }
  return entry;
}

void write_entry(const OperatorEntry& entry, std::string& out) {
  start_line(out, kEntryDepth);
  out += '{';
  const char* separator = "";
  for (const Field& field : kFields) {
    out += std::exchange(separator, ",");
    start_line(out, kFieldDepth);
    encode(field.name, kFieldDepth, out);
    out += ": ";
    field.write(entry, out);
  }
  start_line(out, kEntryDepth);
  out += '}';
}

std::string_view accepted_values(std::string_view field) {
  return find_field(field)->accepted;
}

}  // namespace int8graph
