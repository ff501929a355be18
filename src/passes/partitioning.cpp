#include "passes/partitioning.h"

#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>

#include "ops/operator_table.h"
#include "passes/graph_mapping.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

bool writes_in_place(const jit::Node& node) {
  const auto* schema = node.maybeSchema();
  return schema != nullptr && schema->is_mutable();
}

bool divides(const jit::Node& node) {
  return node.hasSideEffects() || !node.blocks().empty() || writes_in_place(node);
}

bool is_int8_region(const Region& region) {
  return std::ranges::any_of(region, [](const jit::Node* node) {
    const Operator* row = find_operator(*node);
    return row != nullptr && row->op_class == OpClass::Quantizer;
  });
}

bool moves_weights_only(const Region& region) {
  return std::ranges::all_of(
      region, [](const jit::Node* node) { return node->kind() == c10::aten::dequantize; });
}

void partition_segment(const Region& nodes, Partitioning& result) {
  if (nodes.empty()) return;
  MappedGraph mapped = map_nodes(nodes);
  result.reasons.merge(mapped.reasons);
  for (const auto& partition : mapped.graph.get_partitions()) {
    std::vector<size_t> ids = partition.get_ops();
    if (!partition.is_supported() || ids.front() >= nodes.size()) continue;
    std::ranges::sort(ids);
    Region region;
    for (const size_t id : ids) region.push_back(nodes[id]);
    if (is_int8_region(region) && !moves_weights_only(region)) {
      result.regions.push_back(std::move(region));
    } else {
      for (const jit::Node* node : region) {
        result.reasons.emplace(node, "it has no int8 neighbour to be fused with");
      }
    }
  }
}

}  // namespace

Partitioning partition_block(jit::Block& block) {
  Partitioning result;
  Region segment;
  for (jit::Node* node : block.nodes()) {
    if (node->kind() == c10::prim::Constant) continue;
    if (divides(*node)) {
      partition_segment(segment, result);
      segment.clear();
      result.reasons.emplace(node, "it has side effects, writes in place or has sub-blocks");
    } else {
      segment.push_back(node);
    }
  }
  partition_segment(segment, result);
  return result;
}

}  // namespace int8graph
