#pragma once

namespace torch::jit {
struct Block;
}

namespace int8graph {

/// Reads rows of an int8 table as they are, so that only those rows are dequantized, not the whole
/// table at every call.
///
///     %2 = aten::dequantize(%table)
///     %3 = aten::embedding(%2, %ids, ...)   ==>   %3 = int8graph::embedding(%table, %ids, ...)
///
/// aten::embedding_bag likewise, where nobody reads its second to fourth output. Both operators are
/// in executor/lookup.h; they exist in optimized graphs only, never in artifacts.
void look_up_in_int8(torch::jit::Block& block);

}  // namespace int8graph
