#include "passes/pipeline.h"

#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/csrc/jit/passes/pass_manager.h>

#include <chrono>

#include "config/autocast.h"
#include "config/elapsed.h"
#include "config/environment.h"
#include "onednn/onednn_loader.h"
#include "ops/graph_walk.h"
#include "passes/channels_last_quantizers.h"
#include "passes/decompose.h"
#include "passes/elementwise_before_views.h"
#include "passes/explicit_dequantize.h"
#include "passes/functionalize.h"
#include "passes/graph_mapping.h"
#include "passes/graph_rewriting.h"
#include "passes/int8_average.h"
#include "passes/int8_lookup.h"
#include "passes/layout_propagation.h"
#include "passes/leaving_results.h"
#include "passes/lone_norms.h"
#include "passes/mark_reduced_floats.h"
#include "passes/masks_as_sums.h"
#include "passes/move_quantizers.h"
#include "passes/needless_clamps.h"
#include "passes/partition_node.h"
#include "passes/partitioning.h"
#include "passes/quantized_norms.h"
#include "passes/quantizers.h"
#include "passes/reduce_precision.h"
#include "passes/remove_autocast.h"
#include "passes/remove_profiling.h"
#include "passes/split_projections.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

using Graph = std::shared_ptr<jit::Graph>;

/// What passes hand on to later ones, for each block of the graph.
struct Optimization {
  Graph graph;
  std::vector<MappedBlock> mapped;
  std::vector<Partitioning> partitionings;
};

struct Pass {
  const char* name;
  void (*run)(Optimization& optimization);
};

void map_blocks(jit::Block& block, std::vector<MappedBlock>& mapped) {
  mapped.push_back(map_block(block));
  for (jit::Node* node : block.nodes()) {
    for (jit::Block* inner : node->blocks()) map_blocks(*inner, mapped);
  }
}

void partition_all(Optimization& optimization) {
  for (MappedBlock& block : optimization.mapped) {
    optimization.partitionings.push_back(partition(std::move(block)));
    if (!is_verbose()) continue;
    for (const auto& [node, reason] : optimization.partitionings.back().reasons) {
      log(std::string("not fused: ") + node->kind().toQualString() + ": " + reason);
    }
  }
}

void rewrite_all(Optimization& optimization) {
  for (const Partitioning& partitioning : optimization.partitionings) {
    for (const Region& region : rewrite_regions(partitioning.regions)) {
      log_verbose([&] {
        return "not fused: a region of " + std::to_string(region.size()) + " nodes that ends in " +
               region.back()->kind().toQualString() + ": what it needs depends on what it makes";
      });
    }
  }
}

/// Where PyTorch's executor makes a graph for calls under autocast, its first call ran unfused, so
/// autocast has chosen the dtypes of its results, which must stay.
void reduce_under_autocast(Optimization& optimization) {
  const auto dtype = autocast_dtype();
  if (dtype) reduce_precision(optimization.graph, *dtype, layers_of(*optimization.graph));
}

// The order matters. Nodes for profiling and autocast stand between values and their readers, so
// they go first. Reduced floats must be known to all that look for rows of the operator table. Pure
// forms come before everything that looks at producers and readers. Element-wise operators move
// over views while each is still one node, so before decompose. Masks become sums before that, too:
// it has the last word on the form of arithmetic. Operators are decomposed and split before
// quantizers move, and all of that before each reader gets its own dequantize: from there on the
// graph is what oneDNN Graph's patterns look for. Clamps go once quantizers have moved, which must
// stand right behind them; lone norms are written just before, as the ReLU behind one mostly goes
// so. Layouts are decided once all partitions stand, and then those of quantizers before them. The
// norms and quantizers that no partition took join then, and what leaves the graph is seen at last.
constexpr Pass kPipeline[] = {
    {"remove profiling", [](Optimization& o) { remove_profiling(*o.graph->block()); }},
    {"remove autocast", [](Optimization& o) { remove_autocast(*o.graph->block()); }},
    {"reduced precision", reduce_under_autocast},
    {"mark reduced floats", [](Optimization& o) { mark_reduced_floats(*o.graph->block()); }},
    {"alias and mutation reduction", [](Optimization& o) { functionalize(o.graph); }},
    {"masks as sums", [](Optimization& o) { write_masks_as_sums(*o.graph->block()); }},
    {"element-wise before views",
     [](Optimization& o) { move_elementwise_before_views(*o.graph->block()); }},
    {"decompose", [](Optimization& o) { decompose(o.graph); }},
    {"split projections", [](Optimization& o) { split_projections(o.graph); }},
    {"move quantizers", [](Optimization& o) { move_quantizers(o.graph); }},
    {"lone norms", [](Optimization& o) { write_lone_norms(*o.graph->block()); }},
    {"needless clamps", [](Optimization& o) { remove_needless_clamps(*o.graph->block()); }},
    {"lookup in int8", [](Optimization& o) { look_up_in_int8(*o.graph->block()); }},
    {"averages in int8", [](Optimization& o) { average_in_int8(*o.graph->block()); }},
    {"explicit dequantize", [](Optimization& o) { make_dequantize_explicit(*o.graph->block()); }},
    {"graph mapping", [](Optimization& o) { map_blocks(*o.graph->block(), o.mapped); }},
    {"partitioning", partition_all},
    {"graph rewriting", rewrite_all},
    {"layout propagation", [](Optimization& o) { propagate_layouts(*o.graph->block()); }},
    {"channels-last quantizers",
     [](Optimization& o) { quantize_channels_last(*o.graph->block()); }},
    {"norms with quantizers", [](Optimization& o) { quantize_in_norms(*o.graph->block()); }},
    {"remove dead code", [](Optimization& o) { jit::EliminateDeadCode(o.graph); }},
    {"leaving results", [](Optimization& o) { mark_leaving_results(o.graph); }},
};

bool is_for_us(jit::Graph& graph) {
  return !is_disabled() && any_node(*graph.block(), is_quantize);
}

}  // namespace

void optimize(Graph& graph) {
  if (!is_for_us(*graph)) return;
  try {
    load_onednn();
  } catch (const std::exception& error) {
    log(std::string("artifacts run unfused: ") + error.what());
    return;
  }
  Optimization optimization{graph, {}, {}};
  for (const Pass& pass : kPipeline) {
    const auto start = std::chrono::steady_clock::now();
    pass.run(optimization);
    log_verbose([&] {
      return std::string("pass ") + pass.name + ": " + std::to_string(milliseconds_since(start)) +
             " ms";
    });
  }
  graph->lint();
}

namespace {

/// A graph that a pass can't deal with runs as it was: nobody who loads a model expects its first
/// calls to throw for that.
void optimize_or_leave(Graph& graph) {
  if (!is_for_us(*graph)) return;
  Graph copy = graph->copy();
  try {
    optimize(copy);
  } catch (const std::exception& error) {
    log(std::string("a graph runs unfused: ") + error.what());
    return;
  }
  graph = std::move(copy);
}

// A file that plain torch::jit::load reads is fused by PyTorch's graph executor, at its second
// call.
const jit::GraphPassNameType kRegistered = jit::registerPrePass(optimize_or_leave);

}  // namespace

}  // namespace int8graph
