#pragma once

namespace torch::jit {
struct Block;
}

namespace int8graph {

/// Takes out what PyTorch's executor put around values to learn their shapes: nothing here depends
/// on shapes, and the nodes would stand between every operator and its reader.
///
///     %1 = prim::profile[...](%x)             %2 = aten::relu(%x)
///     %2 = aten::relu(%1)              ==>
///     %3 = prim::profile[...](%2)             return (%2)
///     return (%3)
void remove_profiling(torch::jit::Block& block);

}  // namespace int8graph
