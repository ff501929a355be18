#include "config/environment.h"

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace int8graph {

namespace {

constexpr size_t kDefaultCacheCapacity = 16;

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && std::string_view(value) != "" && std::string_view(value) != "0";
}

size_t read_capacity() {
  constexpr const char* kVariable = "INT8GRAPH_CACHE_CAPACITY";
  const char* text = std::getenv(kVariable);
  if (text == nullptr) return kDefaultCacheCapacity;
  const std::string_view value = text;
  size_t capacity = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), capacity);
  if (error == std::errc() && end == value.data() + value.size() && capacity > 0) return capacity;
  log(std::string(kVariable) + " is \"" + text + "\", not a positive number; using " +
      std::to_string(kDefaultCacheCapacity));
  return kDefaultCacheCapacity;
}

}  // namespace

bool is_disabled() {
  return is_set("INT8GRAPH_DISABLE");
}

bool is_verbose() {
  static const bool verbose = is_set("INT8GRAPH_VERBOSE");
  return verbose;
}

size_t compile_cache_capacity() {
  static const size_t capacity = read_capacity();
  return capacity;
}

void log(std::string_view message) {
  const std::string line = "int8graph: " + std::string(message) + "\n";
  std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace int8graph
