#pragma once

#include <memory>
#include <string>

#include "executor/primitive_kernel.h"
#include "onednn/onednn_loader.h"
#include "passes/partition_node.h"

namespace int8graph {

/// The kernel for an attention: three primitives, which all blocks of it share
/// (executor/attention_blocks.h).
///
/// Where lengths differ from call to call, they are padded, so that a few primitives serve all. The
/// scores of keys that this adds become -inf, and their values 0, since a row with a score of NaN
/// or +inf has no softmax and may give any key a probability; the results of queries that it adds
/// are dropped.
///
/// Tensors of other ranks than 3 and 4, what broadcasts along heads or batch, and what oneDNN has
/// no fast primitive for, go through the three parts of the attention, one after the other, which
/// are partitions, too. So does all on a CPU on which some of them run in fp32
/// (executor/cpu_limits.h).
/// @param name what the verbose log calls it
/// @param layout how the result lies in memory
/// @returns null if the subgraph is no attention, or if all of it runs in fp32 on this CPU
std::unique_ptr<const PrimitiveKernel> make_attention_kernel(torch::jit::Graph& subgraph,
                                                             const std::string& name,
                                                             OutputLayout layout,
                                                             const CpuFeatures& cpu);

}  // namespace int8graph
