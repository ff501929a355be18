#include "executor/attention_plan.h"

#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>

#include "ops/graph_walk.h"
#include "passes/graph_rewriting.h"
#include "passes/known_regions.h"
#include "passes/partition_node.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

bool has_softmax(const jit::Graph& subgraph) {
  return any_node(*subgraph.block(),
                  [](const jit::Node& node) { return node.kind() == c10::aten::softmax; });
}

/// Turns the regions of a graph that is nothing else into partitions, and returns these; none if it
/// is not of three.
std::vector<jit::Node*> split(jit::Graph& graph) {
  std::vector<jit::Node*> nodes;
  for (jit::Node* node : graph.nodes()) {
    if (node->kind() != c10::prim::Constant) nodes.push_back(node);
  }
  const KnownRegions known = find_known_regions(nodes);
  if (known.regions.size() != 3 || !known.unknown.empty() || !known.outside.empty()) return {};
  if (!rewrite_regions(known.regions).empty()) return {};
  std::vector<jit::Node*> parts;
  for (jit::Node* node : graph.nodes()) {
    if (node->kind() == partition_symbol()) parts.push_back(node);
  }
  return parts;
}

/// Lets the plan of a part name its arguments as the whole does. What is no input of the whole, the
/// probabilities, gets a number of its own, which nobody reads.
void rename_arguments(ProductPlan& plan, const jit::Node& part, const jit::Graph& whole) {
  const auto inputs = whole.inputs();
  const auto rename = [&](size_t& argument) {
    const auto* place = std::find(inputs.begin(), inputs.end(), part.input(argument));
    argument = static_cast<size_t>(place - inputs.begin());
  };
  rename(plan.source.argument);
  rename(plan.second.argument);
  for (PostOp& op : plan.post_ops) {
    if (op.argument) rename(*op.argument);
  }
}

/// Whether the scores take nothing but fp32 operands whose sizes count from the last dimension.
bool has_plain_operands(const ProductPlan& scores) {
  return std::ranges::all_of(scores.post_ops, [](const PostOp& op) {
    return op.dtype == c10::kFloat && !op.int8 && !op.by_channel.defined();
  });
}

}  // namespace

std::optional<AttentionGraph> attention_graph(jit::Graph& subgraph) {
  if (!has_softmax(subgraph)) return {};
  auto whole = subgraph.copy();
  const std::vector<jit::Node*> parts = split(*whole);
  if (parts.size() != 3) return {};
  const auto reads = [&](size_t part, size_t before) {
    const auto inputs = parts[part]->inputs();
    return std::find(inputs.begin(), inputs.end(), parts[before]->output()) != inputs.end();
  };
  if (!reads(1, 0) || !reads(2, 1)) return {};
  return AttentionGraph{std::move(whole), parts[0], parts[1], parts[2]};
}

std::optional<AttentionPlan> attention_plan(const AttentionGraph& graph) {
  auto scores = product_plan(*graph.scores->g(c10::attr::Subgraph));
  auto softmax = row_plan(*graph.softmax->g(c10::attr::Subgraph));
  auto mean = product_plan(*graph.mean->g(c10::attr::Subgraph));
  if (!scores || !softmax || !mean || scores->quantizer || !has_plain_operands(*scores)) return {};
  const bool is_mean = graph.mean->input(mean->source.argument) == graph.softmax->output();
  if (!is_mean || std::ranges::any_of(mean->post_ops, &PostOp::reads_another_tensor)) return {};
  rename_arguments(*scores, *graph.scores, *graph.whole);
  rename_arguments(*mean, *graph.mean, *graph.whole);
  return AttentionPlan{*std::move(scores), *std::move(softmax), *std::move(mean)};
}

}  // namespace int8graph
