#pragma once

#include <oneapi/dnnl/dnnl_graph.hpp>
#include <vector>

#include "passes/regions.h"

namespace torch::jit {
struct Block;
struct Node;
struct Value;
}  // namespace torch::jit

namespace int8graph {

/// A run of TorchScript nodes as one oneDNN Graph graph, ready to be partitioned.
///
///     %y : Tensor = int8graph::dequantize(%x, ...)      Dequantize   (op 0)
///     %z : Tensor = aten::conv2d(%y, %w, %b, ...)  ==>  Convolution  (op 1)
///     %t : Tensor = aten::topk(%z, ...)                 Wildcard     (op 2)
///
/// Every value is a logical tensor of unknown rank, so that one partitioning serves all shapes;
/// constants have their shape and are marked constant. A logical tensor's id is its value's
/// unique(); an operation's id is its node's position in `nodes`.
struct MappedGraph {
  dnnl::graph::graph graph{dnnl::engine::kind::cpu};
  std::vector<torch::jit::Node*> nodes;

  Reasons reasons;  ///< of the nodes that became wildcards
};

/// A block: what is known of it already, and a graph for each segment of the rest.
struct MappedBlock {
  std::vector<MappedGraph> segments;
  std::vector<Region> known_regions;
  Reasons reasons;  ///< of the nodes between segments, and of those known to stay with PyTorch
};

/// Maps a block: what find_known_regions() leaves of it. Nodes with side effects, in-place writes
/// or sub-blocks divide it into segments, so that no region can reach over one of them. Sub-blocks
/// are mapped by calls of their own.
MappedBlock map_block(torch::jit::Block& block);

/// Maps `nodes` (in execution order, none with side effects). Values that are used outside of them
/// are given a wildcard as consumer, so that oneDNN Graph keeps them visible.
MappedGraph map_nodes(const std::vector<torch::jit::Node*>& nodes);

/// The logical tensor of a value as map_nodes() writes it.
dnnl::graph::logical_tensor logical_tensor_of(const torch::jit::Value* value);

}  // namespace int8graph
