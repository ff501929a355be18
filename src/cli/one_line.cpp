#include "cli/one_line.h"

#include <c10/util/Exception.h>

#include <string_view>

namespace int8graph {

std::string one_line(const std::exception& error) {
  constexpr std::string_view kMarker = "RuntimeError: ";
  const auto* of_torch = dynamic_cast<const c10::Error*>(&error);
  std::string text = of_torch != nullptr ? of_torch->what_without_backtrace() : error.what();
  if (const size_t at = text.rfind(kMarker); at != std::string::npos) {
    text.erase(0, at + kMarker.size());
  }
  const size_t start = text.find_first_not_of(" \n");
  if (start == std::string::npos) return "unknown error";
  return text.substr(start, text.find('\n', start) - start);
}

}  // namespace int8graph
