#include "config/flow_names.h"

namespace int8graph {

std::string input_flow_name(const OperatorEntry& entry, std::size_t position) {
  return entry.name + std::to_string(entry.id) + ".input" + std::to_string(position);
}

std::string output_flow_name(const OperatorEntry& entry, std::size_t position) {
  return entry.name + std::to_string(entry.id) + ".output" + std::to_string(position);
}

}  // namespace int8graph
