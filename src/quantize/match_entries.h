#pragma once

#include <unordered_map>
#include <vector>

#include "int8graph/quant_conf.h"

namespace torch::jit {
struct Block;
struct Node;
}  // namespace torch::jit

namespace int8graph {

/// Which entry describes a node.
using MatchedEntries = std::unordered_map<const torch::jit::Node*, const OperatorEntry*>;

/// Lines the recorded operators of a graph, in execution order, up with the entries of a QuantConf.
///
/// Two sides fit when the operator's name, its number of activation inputs and, where it has one,
/// its weight's number of output channels agree. Both sequences keep their order. Every entry of a
/// compute operator that has quantizers or a weight, and every operator with a weight, needs its
/// partner. Others may be left over: PyTorch folds constant arithmetic, merges equal nodes, and
/// makes one aten::cat of two when it inlines a model. The verbose log names those that
/// quantizers are lost with.
/// @throws std::invalid_argument that names the first entry or operator without a partner and what
///   stands on the other side.
MatchedEntries match_entries(torch::jit::Block& block, const std::vector<OperatorEntry>& entries);

}  // namespace int8graph
