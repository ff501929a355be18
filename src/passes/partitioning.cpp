#include "passes/partitioning.h"

#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>

#include "passes/graph_mapping.h"
#include "passes/known_regions.h"
#include "passes/quantizers.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

/// Not if it is all fp32, or quantizers and nothing else.
bool is_worth_it(const Region& region) {
  const auto is = [](const jit::Node* node) { return is_quantizer(*node); };
  return std::ranges::any_of(region, is) && !std::ranges::all_of(region, is);
}

void partition_segment(MappedGraph& mapped, Partitioning& result) {
  result.reasons.merge(mapped.reasons);
  for (const auto& partition : mapped.graph.get_partitions()) {
    std::vector<size_t> ids = partition.get_ops();
    if (ids.front() >= mapped.nodes.size()) continue;  // what keeps a value visible
    std::ranges::sort(ids);
    Region region;
    for (const size_t id : ids) region.push_back(mapped.nodes[id]);
    if (partition.is_supported() && is_worth_it(region)) {
      result.regions.push_back(std::move(region));
      continue;
    }
    for (const jit::Node* node : region) {
      result.reasons.emplace(node, partition.is_supported()
                                       ? why_not_worth_it(*node)
                                       : "oneDNN Graph has no partition that it would be part of");
    }
  }
}

}  // namespace

Partitioning partition(MappedBlock mapped) {
  Partitioning result{std::move(mapped.known_regions), std::move(mapped.reasons)};
  for (MappedGraph& segment : mapped.segments) partition_segment(segment, result);
  return result;
}

Partitioning partition_block(jit::Block& block) {
  return partition(map_block(block));
}

}  // namespace int8graph
