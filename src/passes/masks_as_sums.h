#pragma once

namespace torch::jit {
struct Block;
}

namespace int8graph {

/// Writes attention masks as sums, which fuse behind the product that they mask.
///
///     %s = aten::div(%scores, 8.)                         %s = aten::div(%scores, 8.)
///     %m = aten::masked_fill(%s, %mask, -inf)      ==>    %n = aten::where(%mask, -inf, 0.)
///     %p = aten::softmax(%m, -1, None)                    %m = aten::add(%s, %n, 1)
///                                                         %p = aten::softmax(%m, -1, None)
///
/// and aten::where(%mask, %s, -inf) likewise, where softmax alone reads the masked scores. Only for
/// numbers of -1e12 or less, beside which a score is nothing: floats lie 65536 apart there, so even
/// a row that is masked as a whole comes out uniform, as it was. (At -1e9 they lie 64 apart, and
/// the larger scores of such a row would show.) The mask is mostly smaller than the scores, and one
/// for all layers.
void write_masks_as_sums(torch::jit::Block& block);

}  // namespace int8graph
