#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace int8graph {

/// A table for people: columns padded to their widest cell.
class TextTable {
 public:
  enum class Align { Left, Right };

  explicit TextTable(std::vector<std::string> header, std::vector<Align> alignment);
  void add(std::vector<std::string> row);
  std::string to_string() const;

 private:
  std::vector<std::vector<std::string>> rows_;
  std::vector<Align> alignment_;
};

/// "20.12": with so many digits behind the point.
std::string fixed(double value, int digits);

/// "25.5 MB", "431 KB".
std::string in_bytes(int64_t bytes);

/// "1x3x224x224"
std::string in_sizes(const std::vector<int64_t>& sizes);

std::string joined(const std::vector<std::string>& words, std::string_view separator);

/// The operators of a partition without the quantizers around them: "conv2d+relu". Quantizers
/// alone stay.
std::string partition_title(const std::vector<std::string>& operators);
std::string partition_title(const std::string& joined_by_plus);

}  // namespace int8graph
