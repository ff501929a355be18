#include "executor/mapped_partition.h"

#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>
#include <stdexcept>

#include "config/environment.h"
#include "ops/attached_nodes.h"
#include "ops/node_arguments.h"
#include "passes/graph_mapping.h"
#include "passes/quantizers.h"

namespace int8graph {

namespace jit = torch::jit;
namespace graph = dnnl::graph;

namespace {

/// The quantizer of a subgraph's output; null for outputs in floating point.
at::QuantizerPtr quantizer_of(const jit::Value& value) {
  return is_quantize(*value.node()) ? make_quantizer(parameters_of(value).value()) : nullptr;
}

PartitionPorts::Input input_of(const graph::logical_tensor& port, jit::Graph& subgraph,
                               const std::string& name) {
  for (size_t i = 0; i < subgraph.inputs().size(); ++i) {
    if (subgraph.inputs()[i]->unique() == port.get_id()) return {port, i, {}};
  }
  for (const jit::Node* node : subgraph.nodes()) {
    if (node->kind() == c10::prim::Constant && node->output()->unique() == port.get_id()) {
      return {port, 0, *constant_tensor(node->output())};
    }
  }
  throw std::logic_error(name + ": oneDNN Graph asks for a tensor that the subgraph lacks");
}

/// The partition that holds all operators and has just the subgraph's outputs.
std::optional<graph::partition> whole(MappedGraph& mapped, size_t operators,
                                      const jit::Graph& subgraph) {
  const auto has_port = [](const graph::partition& partition, const jit::Value* output) {
    return std::ranges::any_of(partition.get_output_ports(),
                               [&](const auto& port) { return port.get_id() == output->unique(); });
  };
  for (const graph::partition& candidate : mapped.graph.get_partitions()) {
    if (candidate.is_supported() && candidate.get_ops_num() == operators &&
        candidate.get_output_ports().size() == subgraph.outputs().size() &&
        std::ranges::all_of(subgraph.outputs(), [&](const jit::Value* output) {
          return has_port(candidate, output);
        })) {
      return candidate;
    }
  }
  return {};
}

}  // namespace

std::optional<MappedPartition> map_partition(jit::Graph& subgraph, const std::string& name,
                                             const std::vector<OutputLayout>& layouts) {
  const std::vector<jit::Node*> nodes(subgraph.nodes().begin(), subgraph.nodes().end());
  MappedGraph mapped = map_nodes(nodes);
  const auto operators = static_cast<size_t>(
      std::ranges::count_if(nodes, [](const jit::Node* n) { return !is_part_of_its_reader(*n); }));
  const auto partition = whole(mapped, operators, subgraph);
  if (!partition) {
    log_verbose([&] {
      std::string text = name + ": runs unfused: oneDNN Graph does not take it as one partition";
      for (const auto& [node, reason] : mapped.reasons) {
        text += std::string("; ") + node->kind().toQualString() + ": " + reason;
      }
      return text;
    });
    return {};
  }
  MappedPartition result{*partition, {}};
  for (const auto& port : partition->get_input_ports()) {
    result.ports.inputs.push_back(input_of(port, subgraph, name));
  }
  for (size_t i = 0; i < layouts.size(); ++i) {
    const jit::Value* value = subgraph.outputs()[i];
    for (const auto& port : partition->get_output_ports()) {
      if (port.get_id() == value->unique()) {
        result.ports.outputs.push_back({port, layouts[i], quantizer_of(*value)});
      }
    }
  }
  return result;
}

}  // namespace int8graph
