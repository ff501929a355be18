#pragma once

#include <memory>

namespace torch::jit {
struct Block;
struct Node;
}  // namespace torch::jit

namespace int8graph {

class PartitionKernel;

/// The kernel of a partition node: the one that make_kernels() has tied to it, or a new one.
std::shared_ptr<const PartitionKernel> kernel_of(const torch::jit::Node& partition);

/// Makes the kernels of all partitions of a graph ahead of its first call, for all that will run
/// the graph. It is for graphs that nothing but these kernels will read: where they pack a weight
/// that the graph reads in one place only, they own its tensor.
void make_kernels(torch::jit::Block& block);

}  // namespace int8graph
