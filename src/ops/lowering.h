#pragma once

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
