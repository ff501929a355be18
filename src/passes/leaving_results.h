#pragma once

#include <memory>

namespace torch::jit {
struct Graph;
}

namespace int8graph {

/// Marks the partitions whose results nobody has any more when the graph has run, so that they may
/// lie in memory that the next call writes over (executor/result_memory.h):
///
///     %a = int8graph::partition(%x)      stays
///     %b = int8graph::partition(%a)      leaves: %c is a view of it
///     %c = aten::flatten(%b, 1, -1)
///     return (%c)
///
/// What leaves does not lie where an input did, either, which may be in that memory. A result that
/// is taken for staying although it leaves is right, too, and takes its room for as long as
/// somebody holds it.
void mark_leaving_results(const std::shared_ptr<torch::jit::Graph>& graph);

}  // namespace int8graph
