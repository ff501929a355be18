#include "executor/shared_kernels.h"

#include <ATen/core/Tensor.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/custom_class.h>

#include <unordered_map>

#include "executor/partition_kernel.h"
#include "ops/graph_walk.h"
#include "ops/node_arguments.h"
#include "passes/partition_node.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

const c10::Symbol kKernel = c10::Symbol::attr("kernel");

/// As a class that TorchScript knows: graphs with attributes of others can't be printed.
struct Holder : torch::CustomClassHolder {
  explicit Holder(std::shared_ptr<const PartitionKernel> k) : kernel(std::move(k)) {}
  const std::shared_ptr<const PartitionKernel> kernel;
};

const auto kHolder = torch::class_<Holder>("int8graph", "Kernel");

std::shared_ptr<const PartitionKernel> tied_to(const jit::Node& partition) {
  if (!partition.hasAttribute(kKernel)) return nullptr;
  return partition.ival(kKernel).toCustomClass<Holder>()->kernel;
}

using StorageCounts = std::unordered_map<const void*, int>;

/// How often each storage of an int8 constant is read.
void count_storages(jit::Block& block, StorageCounts& counts) {
  for_each_node(block, [&](const jit::Node& node) {
    if (node.kind() == partition_symbol()) {
      count_storages(*node.g(c10::attr::Subgraph)->block(), counts);
    }
    if (node.kind() != c10::prim::Constant) return;
    const auto tensor = constant_tensor(node.output());
    if (tensor && tensor->is_quantized()) ++counts[tensor->storage().unsafeGetStorageImpl()];
  });
}

/// Whether nothing else in the graph reads the partition's weights.
Weights weights_of(const jit::Node& partition, const StorageCounts& in_graph) {
  StorageCounts counts;
  count_storages(*partition.g(c10::attr::Subgraph)->block(), counts);
  for (const auto& [storage, count] : counts) {
    if (count != 1 || in_graph.at(storage) != 1) return Weights::Shared;
  }
  return Weights::Owned;
}

}  // namespace

std::shared_ptr<const PartitionKernel> kernel_of(const jit::Node& partition) {
  auto tied = tied_to(partition);
  return tied ? tied : std::make_shared<const PartitionKernel>(partition);
}

void make_kernels(jit::Block& block) {
  StorageCounts counts;
  count_storages(block, counts);
  for_each_node(block, [&](jit::Node& node) {
    if (node.kind() != partition_symbol()) return;
    const auto kernel = std::make_shared<const PartitionKernel>(node, weights_of(node, counts));
    node.ival_(kKernel, c10::IValue(c10::make_intrusive<Holder>(kernel)));
  });
}

}  // namespace int8graph
