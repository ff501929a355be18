#pragma once

namespace torch::jit {
struct Block;
}

namespace int8graph {

/// Writes attention masks as sums, which fuse behind the product that they mask.
///
///     %s = aten::div(%scores, 8.)                         %s = aten::div(%scores, 8.)
///     %m = aten::masked_fill(%s, %mask, -1e9)      ==>    %n = aten::where(%mask, -1e9, 0.)
///     %p = aten::softmax(%m, -1, None)                    %m = aten::add(%s, %n, 1)
///                                                         %p = aten::softmax(%m, -1, None)
///
/// and aten::where(%mask, %s, -1e9) likewise. Only for numbers that leave no probability (-1e9 or
/// less), where softmax alone reads the masked scores: to it, a score more or less beside -1e9 is
/// nothing. The mask is mostly smaller than the scores, and one for all layers.
void write_masks_as_sums(torch::jit::Block& block);

}  // namespace int8graph
