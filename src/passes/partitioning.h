#pragma once

#include <vector>

#include "passes/regions.h"

namespace torch::jit {
struct Block;
}

namespace int8graph {

struct MappedBlock;  // passes/graph_mapping.h, which brings oneDNN's header along

struct Partitioning {
  std::vector<Region> regions;

  Reasons reasons;  ///< of all other nodes
};

/// Asks oneDNN Graph which nodes of a mapped block it can run as one, and keeps the regions that
/// pay: those of at least two operators that read or make int8 data. Pure fp32 regions and lone
/// quantizers stay with PyTorch, whose kernels are as good or better, and need no compilation for
/// new shapes.
Partitioning partition(MappedBlock mapped);

/// map_block() and partition().
Partitioning partition_block(torch::jit::Block& block);

}  // namespace int8graph
