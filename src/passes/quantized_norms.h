#pragma once

namespace torch::jit {
struct Block;
}

namespace int8graph {

/// Lets layer norms that stand outside of partitions quantize what they make, in the same pass over
/// memory.
///
///     %n = aten::layer_norm(%x, ...)
///     %q = aten::quantize_per_tensor(%n, ...)
///     %s = int8graph::partition(%y, %n)
///   ==>
///     %n, %q = int8graph::layer_norm_and_quantized(%x, ...)
///     %s = int8graph::partition(%y, %n)
///
/// Where nobody else reads `%n`, int8graph::quantized_layer_norm makes `%q` alone. For norms of the
/// last dimension, with weight and bias, whose result nobody writes to. Of several quantizers with
/// different parameters the first one joins. The operators are in executor/layer_norm_rows.h.
void quantize_in_norms(torch::jit::Block& block);

}  // namespace int8graph
