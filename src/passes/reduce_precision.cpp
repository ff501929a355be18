#include "passes/reduce_precision.h"

#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/constant_propagation.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "config/environment.h"
#include "ops/activations.h"
#include "ops/attached_nodes.h"
#include "ops/graph_edit.h"
#include "ops/graph_walk.h"
#include "ops/node_arguments.h"
#include "ops/operator_table.h"
#include "passes/quantizers.h"
#include "passes/type_promotion.h"
#include "passes/writes.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

/// What a value of the fp32 graph is in the new one.
enum class Precision {
  Full,     ///< fp32, or no float at all
  Either,   ///< fp32, where torch.autocast has the reduced dtype
  Reduced,  ///< of the reduced dtype
};

bool is_compute(const jit::Node& node) {
  const Operator* row = find_operator(node);
  return row != nullptr && row->is_compute();
}

bool makes_a_container(const jit::Node& node) {
  return node.kind() == c10::prim::TupleConstruct || node.kind() == c10::prim::ListConstruct ||
         node.kind() == c10::prim::DictConstruct;
}

class Reducer {
 public:
  Reducer(jit::Graph& graph, c10::ScalarType dtype, const FloatingNodes& floating)
      : graph_(graph), dtype_(dtype), floating_(floating), written_(written_values(graph)) {}

  void run() {
    find_ways_to_quantizers(*graph_.block());
    reduce(*graph_.block());
    for (size_t i = 0; i < graph_.outputs().size(); ++i) return_reduced(*graph_.return_node(), i);
  }

 private:
  /// The operators from whose results a quantizer is reached over operators with rows.
  void find_ways_to_quantizers(jit::Block& block) {
    for (jit::Node* node : block.nodes().reverse()) {
      for (jit::Block* inner : node->blocks()) find_ways_to_quantizers(*inner);
      const bool leads_on =
          promotes(*node) || is_attached(*node) || node->kind() == c10::prim::ListUnpack;
      if (leads_on && std::ranges::any_of(node->outputs(), [&](const jit::Value* output) {
            return is_on_way_to_quantizer(*output);
          })) {
        to_quantizer_.insert(node);
      }
    }
  }

  bool is_on_way_to_quantizer(const jit::Value& value) const {
    return std::ranges::any_of(value.uses(), [&](const jit::Use& use) {
      return is_quantize(*use.user) || to_quantizer_.contains(use.user);
    });
  }

  void reduce(jit::Block& block) {
    // What is inserted stands behind the values that it reads, and is not visited itself.
    const std::vector<jit::Node*> nodes(block.nodes().begin(), block.nodes().end());
    for (jit::Node* node : nodes) {
      for (jit::Block* inner : node->blocks()) {
        reduce(*inner);
        read_full(*inner->return_node());
      }
      if (node->kind() != c10::prim::Constant && !is_attached(*node)) visit(*node);
    }
  }

  void visit(jit::Node& node) {
    if (is_activation_dequantize(node) || computes_in_int8(node)) {
      set(node, Precision::Either);
    } else if (is_compute(node) && may_reduce(node)) {
      compute_reduced(node);
    } else if (promotes(node) && may_pass_on(node)) {
      pass_on(node);
    } else if (makes_tensors(node) && !(makes_a_container(node) && is_returned(node))) {
      read_full(node);
    }
  }

  /// Sizes and the like are read of any tensor.
  static bool makes_tensors(const jit::Node& node) {
    return !node.blocks().empty() || std::ranges::any_of(node.outputs(), [](const jit::Value* v) {
      return !v->type()->isSubtypeOf(*c10::NumberType::get()) &&
             !v->type()->isSubtypeOf(*c10::ListType::ofInts());
    });
  }

  bool may_reduce(const jit::Node& node) const {
    return floating_.contains(&node) && !is_written(node) && has_no_mask(node);
  }

  /// Attention's mask may be boolean, which it must stay.
  static bool has_no_mask(const jit::Node& node) {
    return node.kind() != c10::aten::scaled_dot_product_attention || node.input(3)->mustBeNone();
  }

  void compute_reduced(jit::Node& node) {
    for (const ActivationUse& use : tensors_read_by(node)) read_reduced(use);
    set(node, Precision::Reduced);
    log_verbose([&] {
      return std::string("in ") + c10::toString(dtype_) + ": " + node.kind().toQualString();
    });
  }

  bool may_pass_on(jit::Node& node) const {
    const auto operands = dtype_operands(node);
    return !operands.empty() && !is_written(node) &&
           std::ranges::all_of(operands, [&](const ActivationUse& use) {
             return precision_of(use.value()) != Precision::Full;
           });
  }

  void pass_on(jit::Node& node) {
    const auto operands = dtype_operands(node);
    const bool in_fp32 = fuses_with_int8(node, operands);
    for (const ActivationUse& use : operands) in_fp32 ? read_full(use) : read_reduced(use);
    set(node, in_fp32 ? Precision::Either : Precision::Reduced);
  }

  /// Whether the node computes in a partition, which is in fp32 inside: between int8 operators, or
  /// behind one.
  bool fuses_with_int8(const jit::Node& node, const std::vector<ActivationUse>& operands) const {
    const auto is_either = [&](const ActivationUse& use) {
      return precision_of(use.value()) == Precision::Either;
    };
    const OpClass op_class = find_operator(node)->op_class;
    const bool is_arithmetic = op_class == OpClass::Add || op_class == OpClass::Elementwise;
    return (to_quantizer_.contains(&node) && std::ranges::any_of(operands, is_either)) ||
           (is_arithmetic && std::ranges::all_of(operands, is_either));
  }

  void set(const jit::Node& node, Precision precision) {
    if (is_written(node)) return;
    for (const jit::Value* output : node.outputs()) precisions_[output] = precision;
  }

  bool is_written(const jit::Node& node) const {
    return writes_in_place(node) || std::ranges::any_of(node.outputs(), [&](const jit::Value* v) {
             return written_.contains(v);
           });
  }

  /// A list that split or chunk made is unpacked by a node without a row.
  Precision precision_of(const jit::Value* value) const {
    if (value->node()->kind() == c10::prim::ListUnpack) value = value->node()->input();
    const auto found = precisions_.find(value);
    return found == precisions_.end() ? Precision::Full : found->second;
  }

  bool is_returned(const jit::Node& node) const {
    return std::ranges::all_of(node.output()->uses(), [&](const jit::Use& use) {
      return use.user == graph_.return_node() ||
             (makes_a_container(*use.user) && is_returned(*use.user));
    });
  }

  void return_reduced(jit::Node& reader, size_t offset) {
    jit::Node& producer = *reader.input(offset)->node();
    if (makes_a_container(producer)) {
      if (!is_returned(producer)) return;
      for (size_t i = 0; i < producer.inputs().size(); ++i) return_reduced(producer, i);
    } else if (precision_of(reader.input(offset)) == Precision::Either) {
      read_reduced({&reader, offset});
    }
  }

  void read_full(jit::Node& reader) {
    for (const ActivationUse& use : tensors_read_by(reader)) read_full(use);
  }

  void read_full(const ActivationUse& use) {
    if (precision_of(use.value()) == Precision::Reduced) read(use, c10::kFloat, full_);
  }

  void read_reduced(const ActivationUse& use) {
    if (precision_of(use.value()) != Precision::Reduced) read(use, dtype_, reduced_);
  }

  using Casts = std::unordered_map<jit::Value*, jit::Value*>;

  /// Each value is cast once, right behind its node, for all that read it so.
  void read(const ActivationUse& use, c10::ScalarType dtype, Casts& casts) {
    jit::Value*& cast = casts[use.value()];
    if (cast == nullptr) cast = insert_cast(use.value(), dtype);
    use.reader->replaceInput(use.offset, cast);
  }

  jit::Value* insert_cast(jit::Value* value, c10::ScalarType dtype) {
    const jit::WithInsertPoint guard(value->node()->next());
    return graph_.insert(c10::aten::to, {value, static_cast<int64_t>(dtype)});
  }

  jit::Graph& graph_;
  const c10::ScalarType dtype_;
  const FloatingNodes& floating_;
  const WrittenValues written_;
  std::unordered_set<const jit::Node*> to_quantizer_;
  std::unordered_map<const jit::Value*, Precision> precisions_;
  Casts full_, reduced_;
};

}  // namespace

void reduce_precision(std::shared_ptr<jit::Graph>& graph, c10::ScalarType dtype,
                      const FloatingNodes& floating) {
  Reducer(*graph, dtype, floating).run();
  jit::ConstantPropagation(graph);  // casts of weights
  jit::EliminateDeadCode(graph);
}

FloatingNodes layers_of(jit::Graph& graph) {
  FloatingNodes layers;
  for_each_node(*graph.block(), [&](const jit::Node& node) {
    const Operator* row = find_operator(node);
    const bool is_layer = row != nullptr && row->is_compute() && row->weight;
    if (is_layer && constant_tensor(node.input(row->weight->argument))) layers.insert(&node);
  });
  return layers;
}

}  // namespace int8graph
