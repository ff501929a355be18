#pragma once

#include <string>

#include "int8graph/quant_conf.h"

namespace int8graph {

/// `entry 3 (conv2d)`: an entry as messages name it.
inline std::string label_of(const OperatorEntry& entry) {
  return "entry " + std::to_string(entry.id) + " (" + entry.name + ")";
}

}  // namespace int8graph
