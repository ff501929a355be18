#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace int8graph {

using Json = nlohmann::ordered_json;

/// Parses JSON more strictly than nlohmann::json::parse: an object that holds a field twice is an
/// error too.
/// @throws std::invalid_argument naming `source`, line and column.
Json parse_json(std::string_view text, const std::string& source);

/// The shortest decimal number that reads back to `value`, in the form of Python's `repr`: a whole
/// number has `.0`, an exponent stands from 1e16 up and below 1e-4. So a file that a Python script
/// edits and dumps with `indent=4` differs in the edited values only. `value` must be finite.
std::string format_double(double value);

/// What was found, for a message: scalars as they stand, long ones cut; of lists and objects only
/// the kind.
std::string describe(const Json& value);

}  // namespace int8graph
