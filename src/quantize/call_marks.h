#pragma once

#include <torch/script.h>

#include <memory>
#include <vector>

namespace torch::jit {
struct Node;
}

namespace int8graph {

/// Keeps PyTorch from merging calls that calibration has seen as two.
///
///     %1 = aten::linear(%x, %w, %b)       %1 = aten::linear[call=0](%x, %w, %b)
///     %2 = aten::linear(%x, %w, %b)  ==>  %2 = aten::linear[call=1](%x, %w, %b)
///
/// Freezing a model merges equal nodes; nodes whose attributes differ are not equal. The marks are
/// for the time between tracing and matching; unmark_calls() takes them away.
void mark_calls(const std::shared_ptr<torch::jit::Graph>& graph);
void unmark_calls(const std::shared_ptr<torch::jit::Graph>& graph);

/// Marks calls that the example inputs do not run, until unmark_calls(). A scripted model may have
/// the same layers in two branches, of which calibration has seen one.
/// @param graph `module`'s forward, inlined
/// @param example_inputs the arguments of one `forward` call; without them nothing is marked
void mark_idle_calls(const std::shared_ptr<torch::jit::Graph>& graph,
                     const torch::jit::Module& module,
                     const std::vector<c10::IValue>& example_inputs);
bool is_idle(const torch::jit::Node& node);

}  // namespace int8graph
