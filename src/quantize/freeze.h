#pragma once

#include <torch/script.h>

#include <memory>
#include <vector>

namespace int8graph {

/// A copy whose forward is one graph with all parameters as constants. Calls are marked, see
/// call_marks.h.
/// @param example_inputs the arguments of one `forward` call, see attention_types.h.
torch::jit::Module freeze_copy(const torch::jit::Module& model,
                               const std::vector<c10::IValue>& example_inputs = {});

/// Batch norms and constant arithmetic behind a compute operator go into its weight and bias.
void fold_constants(std::shared_ptr<torch::jit::Graph>& graph);

}  // namespace int8graph
