#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "config/json_text.h"
#include "int8graph/quant_conf.h"

namespace int8graph {

/// One entry of the JSON file from and to its object, by the table of fields in the source file.
/// Names, presence and types are looked at here; values and how they fit together in
/// check_entries().

/// @throws std::invalid_argument when `value` is no object, lacks a field, has one too many, or one
///   of a wrong type.
OperatorEntry read_entry(const Json& value, const std::string& source, std::size_t position);

/// Appends the entry as an object, indented as an element of the top-level list.
void write_entry(const OperatorEntry& entry, std::string& out);

/// What a value of this field, or each element of it, may be; for messages. `field` must be one of
/// the table.
std::string_view accepted_values(std::string_view field);

}  // namespace int8graph
