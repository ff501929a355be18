#pragma once

#include <cstddef>
#include <memory>
#include <unordered_map>

#include "passes/quantizers.h"
#include "quantize/match_entries.h"

namespace at {
class Tensor;
}

namespace torch::jit {
struct Graph;
}

namespace int8graph {

/// The weights of nodes as they were when the entries were matched, before any folding.
struct CalibratedWeight {
  at::Tensor weight;
  at::Tensor bias;  ///< undefined where the operator has none
};
using CalibratedWeights = std::unordered_map<const torch::jit::Node*, CalibratedWeight>;

/// The parameters of an entry's activation input, as the graph takes them.
QuantizerParameters input_parameters(const OperatorEntry& entry, size_t input);

CalibratedWeights weights_of(const MatchedEntries& matched);

/// Puts quantizers where the entries say so: fp32 graph to artifact.
///
///     %y = aten::conv2d(%x, %w, %b, ...)
///   ==>
///     %q = aten::quantize_per_tensor(%x, 0.02, 128, 13)
///     %d = aten::dequantize(%q)
///     %c = prim::Constant[value=<qint8 tensor>]()
///     %v = aten::dequantize(%c)
///     %y = aten::conv2d(%d, %v, %b, ...)
///
/// A weight becomes int8 where the operator's first input does. Quantizers of one value with the
/// same parameters become one.
/// @return how many operators compute in int8 afterwards.
size_t insert_quantizers(const std::shared_ptr<torch::jit::Graph>& graph,
                         const MatchedEntries& matched, const CalibratedWeights& weights);

}  // namespace int8graph
