#include "cli/one_line.h"

#include <c10/util/Exception.h>
#include <torch/csrc/jit/runtime/jit_exception.h>

#include <string_view>

#include "config/first_line.h"

namespace int8graph {

namespace {

std::string text_of(const std::exception& error) {
  if (const auto* of_torch = dynamic_cast<const c10::Error*>(&error)) {
    return of_torch->what_without_backtrace();
  }
  if (const auto* raised = dynamic_cast<const torch::jit::JITException*>(&error)) {
    return raised->getOriginalMsg().value_or(raised->what());
  }
  return error.what();
}

}  // namespace

std::string one_line(const std::exception& error) {
  constexpr std::string_view kMarker = "RuntimeError: ";
  std::string text = text_of(error);
  if (const size_t at = text.rfind(kMarker); at != std::string::npos) {
    text.erase(0, at + kMarker.size());
  }
  const std::string line = first_line(text);
  return line.empty() ? "unknown error" : line;
}

}  // namespace int8graph
