#pragma once

#include <cstddef>
#include <string>

#include "int8graph/quant_conf.h"

namespace int8graph {

/// `conv2d0.input0`: the name of input `position` of an entry, for one that no entry feeds.
std::string input_flow_name(const OperatorEntry& entry, std::size_t position);

/// `conv2d0.output0`: the name of output `position` of an entry.
std::string output_flow_name(const OperatorEntry& entry, std::size_t position);

}  // namespace int8graph
