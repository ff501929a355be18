#include "cli/one_line.h"

#include <c10/util/Exception.h>

#include <string_view>

#include "config/first_line.h"

namespace int8graph {

std::string one_line(const std::exception& error) {
  constexpr std::string_view kMarker = "RuntimeError: ";
  const auto* of_torch = dynamic_cast<const c10::Error*>(&error);
  std::string text = of_torch != nullptr ? of_torch->what_without_backtrace() : error.what();
  if (const size_t at = text.rfind(kMarker); at != std::string::npos) {
    text.erase(0, at + kMarker.size());
  }
  const std::string line = first_line(text);
  return line.empty() ? "unknown error" : line;
}

}  // namespace int8graph
