#pragma once

#include <torch/script.h>

#include <memory>

namespace int8graph {

/// A copy whose forward is one graph with all parameters as constants. Calls are marked, see
/// call_marks.h.
torch::jit::Module freeze_copy(const torch::jit::Module& model);

/// Batch norms and constant arithmetic behind a compute operator go into its weight and bias.
void fold_constants(std::shared_ptr<torch::jit::Graph>& graph);

}  // namespace int8graph
