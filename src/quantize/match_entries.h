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
/// its weight's number of output channels agree. Both sequences keep their order. Entries that no
/// quantizer and no weight of a compute operator hangs on may be left over (PyTorch folds constant
/// arithmetic and merges equal nodes when it freezes a model), and joins that read or feed another
/// one (it makes one aten::cat of both when it inlines a model; the verbose log names them). Every
/// other entry, and every operator with a weight, needs its partner.
/// @throws std::invalid_argument that names the first entry or operator without a partner and what
///   stands on the other side.
MatchedEntries match_entries(torch::jit::Block& block, const std::vector<OperatorEntry>& entries);

}  // namespace int8graph
