#pragma once

#include <cstdint>
#include <optional>

#include "ops/lowered_op.h"
#include "ops/node_arguments.h"

namespace int8graph {

/// The lowerings that rows of the operator table name, one per family of operators. Each reads a
/// node in PyTorch's schema and gives the oneDNN Graph operation; it throws NotLowerable with the
/// reason where there is none.
///
/// Attributes and inputs follow the oneDNN Graph operation specification; layouts are PyTorch's
/// (NCX activations, OIX and IOX weights), whatever the strides.
LoweredOp lower_convolution(const NodeArguments& arguments);
LoweredOp lower_conv_transpose(const NodeArguments& arguments);
LoweredOp lower_linear(const NodeArguments& arguments);
LoweredOp lower_matmul(const NodeArguments& arguments);
LoweredOp lower_add(const NodeArguments& arguments);
LoweredOp lower_sub(const NodeArguments& arguments);
LoweredOp lower_div(const NodeArguments& arguments);
LoweredOp lower_clamp(const NodeArguments& arguments);
LoweredOp lower_clamp_min(const NodeArguments& arguments);
LoweredOp lower_clamp_max(const NodeArguments& arguments);
LoweredOp lower_relu6(const NodeArguments& arguments);
LoweredOp lower_leaky_relu(const NodeArguments& arguments);
LoweredOp lower_elu(const NodeArguments& arguments);
LoweredOp lower_gelu(const NodeArguments& arguments);
LoweredOp lower_hardsigmoid(const NodeArguments& arguments);
LoweredOp lower_softplus(const NodeArguments& arguments);
LoweredOp lower_pow(const NodeArguments& arguments);
LoweredOp lower_prelu(const NodeArguments& arguments);
LoweredOp lower_softmax(const NodeArguments& arguments);
LoweredOp lower_log_softmax(const NodeArguments& arguments);
LoweredOp lower_layer_norm(const NodeArguments& arguments);
LoweredOp lower_batch_norm(const NodeArguments& arguments);
LoweredOp lower_max_pool(const NodeArguments& arguments);
LoweredOp lower_avg_pool(const NodeArguments& arguments);
LoweredOp lower_cat(const NodeArguments& arguments);
LoweredOp lower_quantize(const NodeArguments& arguments);
LoweredOp lower_dequantize(const NodeArguments& arguments);
LoweredOp lower_constant_dequantize(const NodeArguments& arguments);

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

/// nn.MultiheadAttention and nn.TransformerEncoderLayer as one call, which no observer sees into.
/// @throws NotLowerable always, with what to do about it
LoweredOp refuse_fused_attention(const NodeArguments& arguments);

/// Rows match by symbol; overloads with further arguments mean something else.
void refuse_more_arguments_than(size_t count, const NodeArguments& arguments);

/// Operations of one or two tensors and no attributes.
template <OpKind kind>
LoweredOp lower_unary(const NodeArguments& arguments) {
  refuse_more_arguments_than(1, arguments);
  return {kind, {arguments.value(0)}, {}};
}

template <OpKind kind>
LoweredOp lower_binary(const NodeArguments& arguments) {
  refuse_more_arguments_than(2, arguments);
  return {kind, {arguments.value(0), arguments.value(1)}, {}};
}

/// aten::max and aten::min: of two tensors, or of one along a dimension.
template <OpKind kind>
LoweredOp lower_either(const NodeArguments& arguments) {
  if (arguments.size() != 2 || !arguments.is_tensor(1)) throw NotLowerable{"it is a reduction"};
  return {kind, {arguments.value(0), arguments.value(1)}, {}};
}

}  // namespace int8graph
