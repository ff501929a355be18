#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "quantize/inspection.h"

namespace int8graph {

/// Nodes of one kind that stay outside of partitions for one reason.
struct OutsideNodes {
  int count = 0;
  int64_t weights = 0;  ///< bytes
};

/// A fused graph in a few numbers.
struct GraphTotals {
  size_t partitions = 0;
  int64_t int8_weights = 0;   ///< bytes
  int64_t other_weights = 0;  ///< bytes of all other constants

  /// What stays outside of partitions, by reason, then by operator.
  std::map<std::string, std::map<std::string, OutsideNodes>> outside;
};

GraphTotals totals_of(const Inspection& graph);

}  // namespace int8graph
