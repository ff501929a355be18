#pragma once

namespace torch::jit {
struct Block;
}

namespace int8graph {

/// Lets quantizers that stand alone before convolutions put channels side by side, as those read
/// them: what comes into a network is an image whose channels lie apart.
///
///     %q = aten::quantize_per_tensor(%x, ...)              %q = int8graph::quantize_channels_last(
///     %y = int8graph::partition(%q)                 ==>          %x, ...)
///       with Subgraph = graph(%q): dequantize, conv2d      %y = int8graph::partition(%q)
///
/// Only where nothing else reads what the quantizer makes: a view might depend on its strides.
void quantize_channels_last(torch::jit::Block& block);

}  // namespace int8graph
