#pragma once

#include <string>
#include <vector>

#include "int8graph/quant_conf.h"

namespace int8graph {

/// Checks every value of the entries and how they fit together: ids count from 0, parallel lists
/// are of one length, scales and zero points are in range for their dtype, each weight has the
/// scales that its granularity wants, each input names itself or the output of an earlier entry.
/// @param source stands in the message where a file's name would.
/// @throws std::invalid_argument naming source, entry, field, what was found and what is accepted.
void check_entries(const std::vector<OperatorEntry>& entries, const std::string& source);

}  // namespace int8graph
