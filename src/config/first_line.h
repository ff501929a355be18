#pragma once

#include <string>

namespace int8graph {

/// The first line of a text that is not blank, without the spaces before it; empty if all are.
inline std::string first_line(const std::string& text) {
  const size_t start = text.find_first_not_of(" \n");
  return start == std::string::npos ? "" : text.substr(start, text.find('\n', start) - start);
}

}  // namespace int8graph
