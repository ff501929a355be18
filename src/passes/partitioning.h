#pragma once

#include <vector>

#include "passes/graph_mapping.h"

namespace torch::jit {
struct Block;
struct Node;
}  // namespace torch::jit

namespace int8graph {

/// Nodes that run as one, in execution order.
using Region = std::vector<torch::jit::Node*>;

struct Partitioning {
  std::vector<Region> regions;

  Reasons reasons;  ///< of all other nodes
};

/// Asks oneDNN Graph which nodes of a mapped block it can run as one, and keeps the regions that
/// pay: those that compute, pool, join or quantize int8 data. Pure fp32 regions stay with PyTorch,
/// whose kernels are as good, and need no compilation for new shapes.
Partitioning partition(MappedBlock mapped);

/// map_block() and partition().
Partitioning partition_block(torch::jit::Block& block);

}  // namespace int8graph
