#include "passes/graph_rewriting.h"

#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "ops/attached_nodes.h"
#include "passes/partition_node.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

using Nodes = std::unordered_set<const jit::Node*>;

bool uses_any_of(const jit::Node& node, const Nodes& producers) {
  return std::ranges::any_of(
      node.inputs(), [&](const jit::Value* input) { return producers.contains(input->node()); });
}

/// The nodes that are part of the region's nodes, see is_attached(), and die with them.
std::vector<jit::Node*> attached_to(const Region& region) {
  std::vector<jit::Node*> attached;
  for (jit::Node* node : region) {
    for (jit::Value* input : node->inputs()) {
      if (is_attached(*input->node())) attached.push_back(input->node());
    }
  }
  return attached;
}

/// Moves what depends on the region, but stands inside its span, behind it. False, and nothing is
/// moved, if a node of the region depends on such a node.
bool close_ranks(const Region& region) {
  Nodes inside(region.begin(), region.end());
  for (const jit::Node* node : attached_to(region)) inside.insert(node);
  Nodes dependent = inside;
  std::vector<jit::Node*> to_move;
  for (jit::Node* node = region.front(); node != region.back(); node = node->next()) {
    if (inside.contains(node)) {
      const Nodes moved(to_move.begin(), to_move.end());
      if (uses_any_of(*node, moved)) return false;
    } else if (uses_any_of(*node, dependent)) {
      dependent.insert(node);
      to_move.push_back(node);
    }
  }
  if (uses_any_of(*region.back(), Nodes(to_move.begin(), to_move.end()))) return false;
  jit::Node* last = region.back();
  for (jit::Node* node : to_move) {
    node->moveAfter(last);
    last = node;
  }
  return true;
}

/// Builds a region's subgraph, and gathers what flows in and out of it.
class SubgraphBuilder {
 public:
  explicit SubgraphBuilder(const Region& region)
      : inside_(region.begin(), region.end()), subgraph_(std::make_shared<jit::Graph>()) {
    for (const jit::Node* node : attached_to(region)) inside_.insert(node);
    for (jit::Node* node : region) clone(node);
    for (jit::Node* node : region) {
      for (jit::Value* output : node->outputs()) {
        if (used_outside(*output)) {
          outputs_.push_back(output);
          subgraph_->registerOutput(values_.at(output));
        }
      }
    }
  }

  const std::shared_ptr<jit::Graph>& subgraph() const { return subgraph_; }
  const std::vector<jit::Value*>& inputs() const { return inputs_; }
  const std::vector<jit::Value*>& outputs() const { return outputs_; }

 private:
  jit::Value* inner(jit::Value* value) {
    if (const auto known = values_.find(value); known != values_.end()) return known->second;
    jit::Node* producer = value->node();
    if (producer->kind() == c10::prim::Constant || producer->kind() == c10::prim::ListConstruct ||
        is_attached(*producer)) {
      clone(producer);
      return values_.at(value);
    }
    inputs_.push_back(value);
    jit::Value* input = subgraph_->addInput()->setType(value->type());
    values_.emplace(value, input);
    return input;
  }

  void clone(jit::Node* node) {
    // Inputs first: what they bring along must stand before the node.
    for (jit::Value* input : node->inputs()) inner(input);
    jit::Node* copy = subgraph_->insertNode(
        subgraph_->createClone(node, [this](jit::Value* value) { return inner(value); }));
    for (size_t i = 0; i < node->outputs().size(); ++i) {
      values_.emplace(node->output(i), copy->output(i));
    }
  }

  bool used_outside(const jit::Value& value) const {
    return std::ranges::any_of(value.uses(),
                               [this](const jit::Use& use) { return !inside_.contains(use.user); });
  }

  Nodes inside_;
  std::shared_ptr<jit::Graph> subgraph_;
  std::unordered_map<jit::Value*, jit::Value*> values_;
  std::vector<jit::Value*> inputs_;
  std::vector<jit::Value*> outputs_;
};

void replace_by_partition(const Region& region) {
  const SubgraphBuilder builder(region);
  jit::Graph& graph = *region.front()->owningGraph();
  jit::Node* partition =
      graph.create(partition_symbol(), builder.inputs(), builder.outputs().size());
  partition->g_(c10::attr::Subgraph, builder.subgraph());
  partition->insertAfter(region.back());
  for (size_t i = 0; i < builder.outputs().size(); ++i) {
    jit::Value* old = builder.outputs()[i];
    partition->output(i)->setType(old->type());
    old->replaceAllUsesWith(partition->output(i));
  }
  // Readers before what they read.
  Region dead = region;
  for (jit::Node* node : attached_to(region)) dead.push_back(node);
  std::ranges::sort(dead, [](const auto* a, const auto* b) { return a->isAfter(b); });
  for (jit::Node* node : dead) node->destroy();
}

}  // namespace

std::vector<Region> rewrite_regions(const std::vector<Region>& regions) {
  std::vector<Region> rejected;
  for (Region region : regions) {
    // Earlier rewrites may have moved nodes.
    std::ranges::sort(region, [](const auto* a, const auto* b) { return a->isBefore(b); });
    if (close_ranks(region)) {
      replace_by_partition(region);
    } else {
      rejected.push_back(std::move(region));
    }
  }
  return rejected;
}

}  // namespace int8graph
