#pragma once

#include <c10/core/ScalarType.h>

#include <cstddef>

#include "passes/quantizers.h"
#include "quantize/match_entries.h"

namespace int8graph {

/// The quantizer of an attention's probabilities, which lie between 0 and 1 whatever the data.
inline constexpr QuantizerParameters kProbabilities{1.0 / 255, 0,
                                                    static_cast<int64_t>(c10::kQUInt8)};

bool is_attention(const torch::jit::Node& node);

/// Writes down what attention nodes leave to be inferred, while the graph still knows dtypes and
/// sizes: the scale, and a boolean mask as numbers that are added.
///
///     %y = aten::scaled_dot_product_attention(%q, %k, %v, %mask, 0., False, None, False)
///   ==>
///     %m = aten::where(%mask, 0., -1.7e38)
///     %y = aten::scaled_dot_product_attention(%q, %k, %v, %m, 0., False, 0.125, False)
void make_attention_explicit(torch::jit::Block& block);

/// Writes attention as int8 matmuls around a softmax, where its entry quantizes all its inputs.
///
///     %y = aten::scaled_dot_product_attention(%q, %k, %v, %m, 0., False, 0.125, False)
///   ==>
///     %kt = aten::transpose(%k8, -2, -1)             %q8 ... are quantized and dequantized
///     %s  = aten::matmul(%q8, %kt)
///     %d  = aten::div(%s, 8.)
///     %a  = aten::add(%d, %m, 1)                     where there is a mask
///     %p  = aten::softmax(%a, -1, None)
///     %y  = aten::matmul(%p8, %v8)                   probabilities: scale 1/255, zero point 0
///
/// Causal and grouped attention, attention with dropout, and attention whose scale or mask is not
/// known stay as they are, which the verbose log tells.
/// @param matched loses the entries of nodes that were rewritten.
/// @return how many were.
size_t decompose_attention(torch::jit::Block& block, MatchedEntries& matched);

}  // namespace int8graph
