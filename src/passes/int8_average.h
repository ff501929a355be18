#pragma once

namespace torch::jit {
struct Block;
}

namespace int8graph {

/// Lets adaptive average pools read int8 as it is.
///
///     %2 = aten::dequantize(%1)
///     %3 = aten::adaptive_avg_pool2d(%2, %size)
///   ==>
///     %3 = int8graph::adaptive_avg_pool2d(%1, %size)
///
/// For one, two and three dimensions, unless somebody writes to %2. The operators are in
/// executor/average_pool.h; they exist in optimized graphs only, never in artifacts.
void average_in_int8(torch::jit::Block& block);

}  // namespace int8graph
