#pragma once

#include <string>
#include <unordered_map>
#include <vector>

namespace torch::jit {
struct Block;
struct Node;
}  // namespace torch::jit

namespace int8graph {

/// Nodes that run as one, in execution order.
using Region = std::vector<torch::jit::Node*>;

struct Partitioning {
  std::vector<Region> regions;

  /// Why each other node stays with PyTorch.
  std::unordered_map<const torch::jit::Node*, std::string> reasons;
};

/// Asks oneDNN Graph which nodes of a block it can run as one, and keeps the regions that pay:
/// those that compute, pool, join or quantize int8 data. Pure fp32 regions stay with PyTorch, whose
/// kernels are as good, and need no compilation for new shapes.
///
/// Nodes with side effects, in-place writes or sub-blocks divide the block: no region reaches over
/// one of them. Sub-blocks are partitioned by calls of their own.
Partitioning partition_block(torch::jit::Block& block);

}  // namespace int8graph
