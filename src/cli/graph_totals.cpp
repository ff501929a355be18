#include "cli/graph_totals.h"

namespace int8graph {

GraphTotals totals_of(const Inspection& graph) {
  GraphTotals totals;
  for (const InspectedNode& node : graph.nodes) {
    totals.int8_weights += node.int8_weights;
    totals.other_weights += node.other_weights;
    if (node.is_partition) {
      ++totals.partitions;
    } else {
      OutsideNodes& nodes = totals.outside[node.reason][node.kind];
      ++nodes.count;
      nodes.weights += node.int8_weights + node.other_weights;
    }
  }
  return totals;
}

}  // namespace int8graph
