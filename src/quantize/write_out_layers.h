#pragma once

namespace torch::jit {
struct Block;
}

namespace int8graph {

/// Puts definitions in the place of operators that run a whole layer at once, see
/// ops/fused_layers.h.
///
///     %y = aten::_transformer_encoder_layer_fwd(%x, 64, 4, %w, %b, ...)
///   ==>
///     %p = aten::linear(%x, %w, %b)
///     ...
///     %a = aten::scaled_dot_product_attention(%q, %k, %v, None, 0., False, None, False)
///     ...
///     %y = aten::layer_norm(%s, [64], %g, %h, 1e-05, True)
///
/// Where the model makes nested tensors, of batches and their padding masks, both are there:
///
///     %n = prim::is_nested(%x)
///     %y = prim::If(%n)
///       block0(): the layer as it was
///       block1(): its definition
///
/// Attention to another sequence than the queries' own stays, as the verbose log tells when the
/// artifact is optimized.
void write_out_fused_layers(torch::jit::Block& block);

}  // namespace int8graph
