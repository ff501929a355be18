#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace int8graph {

/// Where in a configuration a fault stands, as a message tells it:
/// `configure.json: entry 2 (id 2, linear)`.
struct EntryPlace {
  std::string source;    ///< the file's name, or what stands for it
  std::size_t position;  ///< in the list, from 0
  std::string label;     ///< ` (id 2, linear)`, or empty while that is not known

  std::string text() const { return source + ": entry " + std::to_string(position) + label; }
};

/// What every message about a field looks like.
/// @throws std::invalid_argument always
[[noreturn]] void reject_field(const EntryPlace& place, std::string_view field,
                               std::string_view found, std::string_view accepted);

}  // namespace int8graph
