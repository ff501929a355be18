#include "passes/graph_mapping.h"

#include <ATen/core/Tensor.h>
#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <unordered_set>
#include <utility>

#include "onednn/onednn_loader.h"
#include "ops/attached_nodes.h"
#include "ops/node_arguments.h"
#include "ops/operator_table.h"
#include "passes/join_attention.h"
#include "passes/known_regions.h"
#include "passes/quantizers.h"
#include "passes/writes.h"

namespace int8graph {

namespace jit = torch::jit;
namespace graph = dnnl::graph;
using graph::logical_tensor;

namespace {

graph::op::kind onednn_kind(OpKind kind) {
#define INT8GRAPH_CASE(name) \
  case OpKind::name:         \
    return graph::op::kind::name;
  switch (kind) { INT8GRAPH_OP_KINDS(INT8GRAPH_CASE) }
#undef INT8GRAPH_CASE
  return graph::op::kind::Wildcard;
}

graph::op::attr onednn_attr(Attr attr) {
#define INT8GRAPH_CASE(name) \
  case Attr::name:           \
    return graph::op::attr::name;
  switch (attr) { INT8GRAPH_OP_ATTRS(INT8GRAPH_CASE) }
#undef INT8GRAPH_CASE
  return graph::op::attr::undef;
}

/// f32 stands for all others: lower_node() refuses constants of these, and what a quantizer makes
/// of them is found out at run time.
logical_tensor::data_type onednn_dtype(c10::ScalarType dtype) {
  switch (dtype) {
    case c10::kQInt8:
      return logical_tensor::data_type::s8;
    case c10::kQUInt8:
      return logical_tensor::data_type::u8;
    case c10::kBFloat16:
      return logical_tensor::data_type::bf16;
    default:
      return logical_tensor::data_type::f32;
  }
}

/// The dtype that a value has by its producer: only quantizers make anything but fp32. A partition
/// checks at run time that what it gets is what it was built for.
logical_tensor::data_type value_dtype(const jit::Value* value) {
  const jit::Node* quantizer = value->node();
  if (!is_quantize(*quantizer)) {
    quantizer = nullptr;
    for (const jit::Use& use : value->uses()) {
      if (use.user->kind() == explicit_dequantize_symbol()) quantizer = use.user;
    }
  }
  const auto parameters = quantizer != nullptr ? parameters_at(*quantizer) : std::nullopt;
  return parameters ? onednn_dtype(static_cast<c10::ScalarType>(parameters->dtype))
                    : logical_tensor::data_type::f32;
}

void set_attr(graph::op& op, Attr attr, const AttrValue& value) {
  std::visit([&](const auto& v) { op.set_attr(onednn_attr(attr), v); }, value);
}

bool divides(const jit::Node& node) {
  return node.hasSideEffects() || !node.blocks().empty() || writes_in_place(node);
}

class Mapper {
 public:
  explicit Mapper(const std::vector<jit::Node*>& nodes) {
    result_.nodes = nodes;
    inside_.insert(nodes.begin(), nodes.end());
  }

  MappedGraph run() {
    for (size_t i = 0; i < result_.nodes.size(); ++i) {
      jit::Node* node = result_.nodes[i];
      if (!is_part_of_its_reader(*node)) map(i, *node);
      for (const jit::Value* output : node->outputs()) keep_visible(output);
    }
    result_.graph.finalize();
    return std::move(result_);
  }

 private:
  void map(size_t id, jit::Node& node) {
    Lowering lowering = lower_node(node);
    if (auto* lowered = std::get_if<LoweredOp>(&lowering)) {
      graph::op op(id, onednn_kind(lowered->kind), node.kind().toQualString());
      for (const jit::Value* input : lowered->inputs) op.add_input(logical_tensor_of(input));
      for (const jit::Value* output : node.outputs()) op.add_output(logical_tensor_of(output));
      for (const auto& [attr, value] : lowered->attrs) set_attr(op, attr, value);
      try {
        result_.graph.add_op(op);
        return;
      } catch (const dnnl::error& error) {
        lowering = Reason{std::string("oneDNN Graph refuses it: ") + error.what()};
      }
    }
    result_.reasons.emplace(&node, std::get<Reason>(lowering).text);
    add_wildcard(id, node.inputs(), node.outputs());
  }

  /// Wildcards carry every dependency, also those through ints and lists, so that no partition can
  /// reach around a node that it depends on.
  template <typename Values>
  void add_wildcard(size_t id, const Values& inputs, const Values& outputs) {
    graph::op op(id, graph::op::kind::Wildcard, "wildcard");
    const auto add_inputs = [&op](const auto& values, const auto& self) -> void {
      for (const jit::Value* value : values) {
        if (value->node()->kind() == c10::prim::Constant) continue;
        if (is_part_of_its_reader(*value->node())) {
          self(value->node()->inputs(), self);
        } else {
          op.add_input(logical_tensor_of(value));
        }
      }
    };
    add_inputs(inputs, add_inputs);
    for (const jit::Value* output : outputs) op.add_output(logical_tensor_of(output));
    result_.graph.add_op(op);
  }

  void keep_visible(const jit::Value* value) {
    if (!is_used_outside(*value)) return;
    graph::op op(next_wildcard_++, graph::op::kind::Wildcard, "outside");
    op.add_input(logical_tensor_of(value));
    result_.graph.add_op(op);
  }

  /// By a node that is not mapped, or is part of one.
  bool is_used_outside(const jit::Value& value) const {
    return std::ranges::any_of(value.uses(), [this](const jit::Use& use) {
      if (!is_attached(*use.user)) return !inside_.contains(use.user);
      return is_used_outside(*use.user->output());
    });
  }

  MappedGraph result_;
  std::unordered_set<const jit::Node*> inside_;
  size_t next_wildcard_ = size_t{1} << 32U;  // ids beyond those of nodes
};

}  // namespace

logical_tensor logical_tensor_of(const jit::Value* value) {
  if (const auto constant = constant_tensor(value)) {
    const bool dequantized = value->node()->kind() != c10::prim::Constant;
    const auto dtype =
        dequantized ? logical_tensor::data_type::f32 : onednn_dtype(constant->scalar_type());
    return logical_tensor(value->unique(), dtype, constant->sizes().vec(),
                          constant->strides().vec(), logical_tensor::property_type::constant);
  }
  return logical_tensor(value->unique(), value_dtype(value), DNNL_GRAPH_UNKNOWN_NDIMS,
                        logical_tensor::layout_type::undef);
}

MappedGraph map_nodes(const std::vector<jit::Node*>& nodes) {
  return Mapper(nodes).run();
}

MappedBlock map_block(jit::Block& block) {
  load_onednn();
  MappedBlock result;
  std::vector<jit::Node*> segment;
  const auto close_segment = [&] {
    KnownRegions known = find_known_regions(std::exchange(segment, {}));
    std::ranges::move(join_attention(std::move(known.regions)),
                      std::back_inserter(result.known_regions));
    result.reasons.merge(known.outside);
    if (!known.unknown.empty()) result.segments.push_back(map_nodes(known.unknown));
  };
  for (jit::Node* node : block.nodes()) {
    if (node->kind() == c10::prim::Constant) continue;
    if (divides(*node)) {
      close_segment();
      result.reasons.emplace(node, "it has side effects, writes in place or has sub-blocks");
    } else {
      segment.push_back(node);
    }
  }
  close_segment();
  return result;
}

}  // namespace int8graph
