#pragma once

#include <memory>
#include <string>

#include "executor/attention_plan.h"
#include "executor/primitive_kernel.h"
#include "passes/partition_node.h"

namespace int8graph {

/// The kernel for an attention: three primitives, which all blocks of it share
/// (executor/attention_blocks.h).
///
/// Once lengths differ from call to call, they are padded, so that a few primitives serve all. The
/// scores of keys that this adds become -inf; the results of queries that it adds are dropped.
///
/// Tensors of other ranks than 3 and 4, what broadcasts along heads or batch, and what oneDNN has
/// no fast primitive for, go through the three parts of the attention, one after the other.
/// @param name what the verbose log calls it
/// @param layout how the result lies in memory
std::unique_ptr<const PrimitiveKernel> make_attention_kernel(AttentionPlan plan, std::string name,
                                                             OutputLayout layout);

}  // namespace int8graph
