#include "quantize/inspection.h"

#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/constant_propagation.h>
#include <torch/csrc/jit/passes/inliner.h>

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "config/environment.h"
#include "ops/node_arguments.h"
#include "ops/operator_table.h"
#include "passes/partition_node.h"
#include "passes/partitioning.h"
#include "passes/quantizers.h"
#include "quantize/artifact.h"
#include "quantize/listed_operators.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

/// Nodes that only hold or gather values; the flow is drawn through them.
bool is_structural(const jit::Node& node) {
  switch (node.kind()) {
    case c10::prim::Constant:
    case c10::prim::ListConstruct:
    case c10::prim::TupleConstruct:
      return true;
    default:
      return false;
  }
}

std::string operator_name(const jit::Node& node) {
  const Operator* row = find_operator(node);
  return row != nullptr ? std::string(row->name) : node.kind().toUnqualString();
}

/// What a partition that reads the value dequantizes it with.
std::optional<QuantizerParameters> parameters_by_readers(const jit::Value& value) {
  for (const jit::Use& use : value.uses()) {
    if (use.user->kind() != partition_symbol()) continue;
    const auto subgraph = use.user->g(c10::attr::Subgraph);
    for (const jit::Use& inner : subgraph->inputs()[use.offset]->uses()) {
      if (inner.user->kind() == explicit_dequantize_symbol()) return parameters_at(*inner.user);
    }
  }
  return {};
}

/// A quantizer's parameters, looked for inside the partition that made the value, then inside those
/// that read it.
std::optional<QuantizerParameters> parameters_through_partitions(const jit::Value& value) {
  const jit::Node& producer = *value.node();
  if (producer.kind() == partition_symbol()) {
    const auto subgraph = producer.g(c10::attr::Subgraph);
    return parameters_of(*subgraph->outputs()[value.offset()]);
  }
  const auto parameters = parameters_of(value);
  return parameters ? parameters : parameters_by_readers(value);
}

/// One of the operators of executor/register_operators.cpp that have a kernel.
bool is_our_own(const jit::Node& node) {
  return node.kind() != explicit_dequantize_symbol() &&
         std::string_view(node.kind().toQualString()).starts_with("int8graph::");
}

/// Asked again of the graph as it is now: what stayed outside still has the same reasons, and
/// regions that could not be rewritten are found once more.
Partitioning partition_again(jit::Block& block) {
  Partitioning partitioning = partition_block(block);
  for (const Region& region : partitioning.regions) {
    for (const jit::Node* node : region) {
      partitioning.reasons.emplace(
          node, "the region it could join needs a value that depends on what the region makes");
    }
  }
  return partitioning;
}

class Inspector {
 public:
  Inspection run(jit::Graph& graph) {
    for (const jit::Value* input : graph.inputs()) {
      if (input->type()->is_module()) continue;
      result_.inputs.push_back(position_of(*input));
    }
    visit(*graph.block());
    for (const jit::Value* output : graph.outputs()) add_flow(*output, result_.outputs);
    return std::move(result_);
  }

 private:
  void visit(jit::Block& block) {
    const Partitioning partitioning = is_disabled() ? Partitioning() : partition_again(block);
    const char* otherwise = is_disabled() ? "INT8GRAPH_DISABLE is set"
                                          : "oneDNN Graph has no pattern that it is part of here";
    for (jit::Node* node : block.nodes()) {
      if (is_structural(*node)) continue;
      const auto reason = partitioning.reasons.find(node);
      add_node(*node, reason != partitioning.reasons.end() ? reason->second : otherwise);
      for (jit::Block* inner : node->blocks()) visit(*inner);
    }
  }

  void add_node(const jit::Node& node, const std::string& reason) {
    InspectedNode described;
    described.kind = node.kind().toQualString();
    described.is_partition = node.kind() == partition_symbol();
    if (described.is_partition) {
      const auto subgraph = node.g(c10::attr::Subgraph);
      for (const jit::Node* inner : subgraph->nodes()) {
        add_weights(*inner, described);
        if (is_structural(*inner) || constant_tensor(inner->output())) continue;
        described.operators.push_back(operator_name(*inner));
      }
    } else {
      described.reason = is_our_own(node) ? "int8graph has a kernel of its own for it" : reason;
      described.operators.push_back(operator_name(node));
      for (const jit::Value* input : node.inputs()) add_weights(*input->node(), described);
    }
    for (const jit::Value* input : node.inputs()) add_flow(*input, described.inputs);
    for (const jit::Value* output : node.outputs()) {
      const size_t position = position_of(*output);
      described.outputs.push_back(position);
      result_.values[position].producer = result_.nodes.size();
    }
    result_.nodes.push_back(std::move(described));
  }

  static void add_weights(const jit::Node& node, InspectedNode& described) {
    if (node.kind() != c10::prim::Constant) return;
    const auto tensor = constant_tensor(node.output());
    if (!tensor) return;
    const auto bytes = static_cast<int64_t>(tensor->nbytes());
    (tensor->is_quantized() ? described.int8_weights : described.other_weights) += bytes;
  }

  /// The value itself, or what a list or tuple gathers.
  void add_flow(const jit::Value& value, std::vector<size_t>& positions) {
    if (value.node()->kind() == c10::prim::Constant || value.type()->is_module()) return;
    if (is_structural(*value.node())) {
      for (const jit::Value* element : value.node()->inputs()) add_flow(*element, positions);
    } else {
      positions.push_back(position_of(value));
    }
  }

  size_t position_of(const jit::Value& value) {
    const auto [known, is_new] = positions_.emplace(&value, result_.values.size());
    if (is_new) result_.values.push_back(describe(value));
    return known->second;
  }

  static InspectedValue describe(const jit::Value& value) {
    InspectedValue described;
    described.name = value.debugName();
    const jit::Node& producer = *value.node();
    if (const auto parameters = parameters_through_partitions(value)) {
      described.dtype = dtype_name(static_cast<c10::ScalarType>(parameters->dtype));
      described.scale = parameters->scale;
      described.zero_point = parameters->zero_point;
    } else if (producer.kind() == partition_symbol()) {
      described.dtype = "float32";
    } else if (const auto type = value.type()->cast<c10::TensorType>()) {
      if (type->scalarType()) described.dtype = dtype_name(*type->scalarType());
    } else {
      described.dtype = value.type()->str();
    }
    if (producer.kind() == partition_symbol()) {
      described.is_contiguous =
          output_layouts(producer)[value.offset()] == OutputLayout::Contiguous;
    }
    return described;
  }

  Inspection result_;
  std::unordered_map<const jit::Value*, size_t> positions_;
};

}  // namespace

std::string dtype_name(c10::ScalarType dtype) {
  switch (dtype) {
    case c10::kQUInt8:
    case c10::kByte:
      return "uint8";
    case c10::kQInt8:
    case c10::kChar:
      return "int8";
    case c10::kFloat:
      return "float32";
    case c10::kDouble:
      return "float64";
    case c10::kHalf:
      return "float16";
    case c10::kBFloat16:
      return "bfloat16";
    case c10::kLong:
      return "int64";
    case c10::kInt:
      return "int32";
    case c10::kShort:
      return "int16";
    case c10::kBool:
      return "bool";
    default:
      return c10::toString(dtype);
  }
}

Inspection inspect(const jit::Module& module) {
  Inspection result = Inspector().run(*module.get_method("forward").graph());
  const auto recorded = recorded_inputs(module);
  for (size_t i = 0; i < std::min(recorded.size(), result.inputs.size()); ++i) {
    result.values[result.inputs[i]].dtype = dtype_name(recorded[i].dtype);
  }
  return result;
}

std::map<std::string, OperatorCount> count_operators(const jit::Module& artifact) {
  auto graph = artifact.get_method("forward").graph()->copy();
  jit::Inline(*graph);
  jit::ConstantPropagation(graph);
  std::map<std::string, OperatorCount> counts;
  for (const ListedOperator& listed : list_operators(*graph->block())) {
    OperatorCount& count = counts[std::string(listed.name)];
    ++count.all;
    if (listed.is_quantized) ++count.quantized;
  }
  return counts;
}

std::vector<InspectedInput> recorded_inputs(const jit::Module& module) {
  std::vector<InspectedInput> inputs;
  for (const auto& fact : read_facts(module).inputs) {
    inputs.push_back({.dtype = static_cast<c10::ScalarType>(fact.front()),
                      .sizes = {fact.begin() + 1, fact.end()}});
  }
  return inputs;
}

}  // namespace int8graph
