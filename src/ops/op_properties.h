#pragma once

#include <cstdint>
#include <optional>

#include "ops/lowered_op.h"

namespace at {
class Tensor;
}

namespace int8graph {

/// Convolutions, transposed ones, and products.
bool is_compute(OpKind kind);

/// Whether an operation on two tensors takes them in either order.
bool commutes(OpKind kind);

/// Whether a constant is one number for a whole tensor, and does not add dimensions to it.
bool is_number(const at::Tensor& constant);

/// Whether a product reads its second operand as [N, K], as aten::linear has it.
bool has_transposed_weight(const LoweredOp& product);

/// How many channels a convolution or linear layer makes; nothing for other operations, and if the
/// weight is not a constant.
std::optional<int64_t> output_channels(const LoweredOp& op);

/// Whether oneDNN 3.2 computes wrong numbers where something behind the layer reads another tensor,
/// or a number for each channel: its int8 kernels for depthwise convolutions do, for the channels
/// that do not fill a vector. Seen with AVX2 and SSE4.1, by primitives and by oneDNN Graph; with
/// AVX512, whose vectors are taken for caution, it was not tried. Sums with int8 that lie where the
/// result will are right.
bool misreads_operands(const LoweredOp& layer);

/// Whether oneDNN's primitives compute a layer with any operations fused behind it. They have few
/// kernels for convolutions of groups; and products of two activations are no layers.
bool takes_any_post_ops(const LoweredOp& layer);

}  // namespace int8graph
