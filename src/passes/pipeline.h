#pragma once

#include <memory>

namespace torch::jit {
struct Graph;
}

namespace int8graph {

/// Fuses an artifact's graph in place: the preparation steps and the five passes, in the order of
/// the table in pipeline.cpp. Graphs that hold no quantizer are left alone, so that other models in
/// the process are not touched; so is every graph while INT8GRAPH_DISABLE is set.
void optimize(std::shared_ptr<torch::jit::Graph>& graph);

}  // namespace int8graph
