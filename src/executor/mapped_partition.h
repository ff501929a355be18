#pragma once

#include <memory>
#include <oneapi/dnnl/dnnl_graph.hpp>
#include <optional>
#include <string>
#include <vector>

#include "executor/compiled_partition.h"
#include "passes/partition_node.h"

namespace torch::jit {
struct Graph;
}

namespace int8graph {

/// A partition node's subgraph as one partition of oneDNN Graph, which can be compiled for shapes.
struct MappedPartition {
  dnnl::graph::partition partition;
  PartitionPorts ports;
};

/// Maps the subgraph to oneDNN Graph once more, now alone, and notes where each port's data is.
/// Nothing, and a line in the verbose log, if oneDNN Graph does not take it as one partition.
/// @param name what the log calls it; `layouts` those of its outputs.
std::optional<MappedPartition> map_partition(torch::jit::Graph& subgraph, const std::string& name,
                                             const std::vector<OutputLayout>& layouts);

}  // namespace int8graph
