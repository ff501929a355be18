#include "cli/text_table.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <sstream>
#include <utility>

namespace int8graph {

namespace {

/// Columns that a UTF-8 text takes on a terminal, as long as it holds no wide characters.
size_t width_of(const std::string& text) {
  return std::ranges::count_if(text, [](unsigned char c) { return (c & 0xC0U) != 0x80U; });
}

}  // namespace

TextTable::TextTable(std::vector<std::string> header, std::vector<Align> alignment)
    : rows_{std::move(header)}, alignment_(std::move(alignment)) {}

void TextTable::add(std::vector<std::string> row) {
  rows_.push_back(std::move(row));
}

std::string TextTable::to_string() const {
  std::vector<size_t> widths(alignment_.size());
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  std::string text;
  for (const auto& row : rows_) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - width_of(row[i]), ' ');
      if (i > 0) line += "  ";
      line += alignment_[i] == Align::Right ? padding + row[i] : row[i] + padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string fixed(double value, int digits) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f", digits, value);
  return text.data();
}

std::string in_bytes(int64_t bytes) {
  const auto size = static_cast<double>(bytes);
  if (size >= 1e7) return fixed(size / 1e6, 1) + " MB";
  if (size >= 1e6) return fixed(size / 1e6, 2) + " MB";
  if (size >= 1e3) return fixed(size / 1e3, 1) + " KB";
  return std::to_string(bytes) + " B";
}

std::string in_sizes(const std::vector<int64_t>& sizes) {
  std::string text;
  for (const int64_t size : sizes) text += (text.empty() ? "" : "x") + std::to_string(size);
  return text.empty() ? "scalar" : text;
}

std::string joined(const std::vector<std::string>& words, std::string_view separator) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += separator;
    text += word;
  }
  return text;
}

std::string partition_title(const std::vector<std::string>& operators) {
  std::vector<std::string> computing;
  for (const std::string& name : operators) {
    if (name != "quantize" && name != "dequantize") computing.push_back(name);
  }
  return joined(computing.empty() ? operators : computing, "+");
}

std::string partition_title(const std::string& joined_by_plus) {
  std::vector<std::string> operators;
  std::istringstream names(joined_by_plus);
  for (std::string name; std::getline(names, name, '+');) operators.push_back(name);
  return partition_title(operators);
}

}  // namespace int8graph
