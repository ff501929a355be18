#pragma once

#include <torch/script.h>

#include <memory>
#include <vector>

namespace int8graph {

/// Finds out what attention nodes read, by running the graph once: a scripted model, and a trace
/// that was saved and loaded, know no sizes and no dtypes.
///
///     %q : Tensor              ==>   %q : Float(2, 4, 16, 64, ...)        queries and masks
///
/// PyTorch's profiling watches only what operators make that its fuser knows, views among them. So
/// in the graph that runs, attention reads everything through a view that changes nothing. Without
/// example inputs, and where a fresh trace knows them already, nothing runs.
/// @param graph `module`'s forward, inlined
void learn_attention_types(const std::shared_ptr<torch::jit::Graph>& graph,
                           const torch::jit::Module& module,
                           const std::vector<c10::IValue>& example_inputs);

}  // namespace int8graph
