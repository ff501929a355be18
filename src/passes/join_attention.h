#pragma once

#include <vector>

#include "passes/regions.h"

namespace int8graph {

/// Joins the three regions of an attention, so that its scores are never written as a whole:
///
///     %q = int8graph::dequantize(%query, ...)       region 1: the scores, in fp32
///     %k = int8graph::dequantize(%key, ...)
///     %s = aten::matmul(%q, %k)
///     %d = aten::div(%s, %number)                   arithmetic with fp32 operands, if any
///     %m = aten::add(%d, %mask, 1)
///     %p = aten::softmax(%m, -1, None)              region 2: the probabilities
///     %i = aten::quantize_per_tensor(%p, ...)                             ==> one region
///     %a = int8graph::dequantize(%i, ...)           region 3: the mean of the values
///     %v = int8graph::dequantize(%value, ...)
///     %r = aten::matmul(%a, %v)
///     %o = aten::quantize_per_tensor(%r, ...)       may be missing
///
/// Other operations in regions 1 and 3 are left as they are: executor/attention_kernel.h computes
/// some columns of the scores too many, where these may make no NaN, and has no operands for the
/// mean.
/// @param regions those of find_known_regions()
std::vector<Region> join_attention(std::vector<Region> regions);

}  // namespace int8graph
