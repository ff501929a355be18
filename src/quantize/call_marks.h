#pragma once

#include <memory>

namespace torch::jit {
struct Graph;
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

}  // namespace int8graph
