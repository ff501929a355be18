#include "passes/pipeline.h"

#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/csrc/jit/passes/pass_manager.h>

#include <algorithm>
#include <chrono>

#include "config/environment.h"
#include "onednn/onednn_loader.h"
#include "passes/decompose.h"
#include "passes/explicit_dequantize.h"
#include "passes/functionalize.h"
#include "passes/graph_rewriting.h"
#include "passes/layout_propagation.h"
#include "passes/move_quantizers.h"
#include "passes/partition_node.h"
#include "passes/partitioning.h"
#include "passes/quantizers.h"
#include "passes/remove_profiling.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

using Graph = std::shared_ptr<jit::Graph>;

struct Pass {
  const char* name;
  void (*run)(Graph& graph);
};

void tell_unfused(const Partitioning& partitioning, const std::vector<Region>& rejected) {
  for (const auto& [node, reason] : partitioning.reasons) {
    log(std::string("not fused: ") + node->kind().toQualString() + ": " + reason);
  }
  for (const Region& region : rejected) {
    log("not fused: a region of " + std::to_string(region.size()) + " nodes that ends in " +
        region.back()->kind().toQualString() + ": what it needs depends on what it makes");
  }
}

void map_partition_and_rewrite(jit::Block& block) {
  for (jit::Node* node : block.nodes()) {
    for (jit::Block* inner : node->blocks()) map_partition_and_rewrite(*inner);
  }
  const Partitioning partitioning = partition_block(block);
  // Told first: rewriting destroys the nodes that regions name.
  if (is_verbose()) tell_unfused(partitioning, {});
  const auto rejected = rewrite_regions(partitioning.regions);
  if (is_verbose()) tell_unfused({}, rejected);
}

// The order matters. Profiling nodes stand between every value and its reader, so they go first.
// Pure forms come before everything that looks at producers and readers. Operators are decomposed
// before quantizers move, and both before each reader gets its own dequantize: from there on the
// graph is what oneDNN Graph's patterns look for.
constexpr Pass kPipeline[] = {
    {"remove profiling", [](Graph& graph) { remove_profiling(*graph->block()); }},
    {"functionalize", [](Graph& graph) { functionalize(graph); }},
    {"decompose", [](Graph& graph) { decompose(graph); }},
    {"move quantizers", [](Graph& graph) { move_quantizers(graph); }},
    {"explicit dequantize", [](Graph& graph) { make_dequantize_explicit(*graph->block()); }},
    {"map, partition, rewrite", [](Graph& graph) { map_partition_and_rewrite(*graph->block()); }},
    {"propagate layouts", [](Graph& graph) { propagate_layouts(*graph->block()); }},
    {"remove dead code", [](Graph& graph) { jit::EliminateDeadCode(graph); }},
};

bool holds_quantizer(const jit::Block& block) {
  return std::ranges::any_of(block.nodes(), [](const jit::Node* node) {
    return is_quantize(*node) || std::ranges::any_of(node->blocks(), [](const jit::Block* inner) {
             return holds_quantizer(*inner);
           });
  });
}

}  // namespace

void optimize(Graph& graph) {
  if (is_disabled() || !holds_quantizer(*graph->block())) return;
  load_onednn();
  for (const Pass& pass : kPipeline) {
    const auto start = std::chrono::steady_clock::now();
    pass.run(graph);
    log_verbose([&] {
      const std::chrono::duration<double, std::milli> time =
          std::chrono::steady_clock::now() - start;
      return std::string("pass ") + pass.name + ": " + std::to_string(time.count()) + " ms";
    });
  }
  graph->lint();
}

namespace {

// A file that plain torch::jit::load reads is fused by PyTorch's graph executor, at its second
// call.
const jit::GraphPassNameType kRegistered = jit::registerPrePass(optimize);

}  // namespace

}  // namespace int8graph
