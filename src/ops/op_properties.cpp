#include "ops/op_properties.h"

#include <ATen/core/Tensor.h>
#include <torch/csrc/jit/ir/ir.h>

#include "ops/node_arguments.h"

namespace int8graph {

namespace {

/// Whether a convolution makes each output channel of one input channel of its own.
bool is_depthwise(const LoweredOp& op) {
  if (op.kind != OpKind::Convolution && op.kind != OpKind::ConvTranspose) return false;
  const auto weight = constant_tensor(op.inputs[1]);
  return weight && weight->size(1) == 1 && weight->size(0) > 1 &&
         weight->size(0) == attr_of<int64_t>(op, Attr::groups);
}

}  // namespace

bool is_compute(OpKind kind) {
  return kind == OpKind::Convolution || kind == OpKind::ConvTranspose || kind == OpKind::MatMul;
}

bool commutes(OpKind kind) {
  return kind == OpKind::Add || kind == OpKind::Maximum || kind == OpKind::Minimum ||
         kind == OpKind::Multiply;
}

bool is_number(const at::Tensor& constant) {
  return constant.numel() == 1 && constant.dim() <= 1;
}

bool has_transposed_weight(const LoweredOp& product) {
  const AttrValue* value = find_attr(product, Attr::transpose_b);
  return value != nullptr && std::get<bool>(*value);
}

std::optional<int64_t> output_channels(const LoweredOp& op) {
  if (op.inputs.size() < 2) return {};
  const auto weight = constant_tensor(op.inputs[1]);
  if (!weight || weight->dim() < 2) return {};
  switch (op.kind) {
    case OpKind::Convolution:
      return weight->size(0);
    case OpKind::ConvTranspose:
      return weight->size(1) * attr_of<int64_t>(op, Attr::groups);
    case OpKind::MatMul:
      return weight->size(has_transposed_weight(op) ? -2 : -1);
    default:
      return {};
  }
}

bool misreads_operands(const LoweredOp& layer) {
  constexpr int64_t kVector = 16;  // floats of oneDNN's widest kernels
  const auto channels = output_channels(layer);
  return is_depthwise(layer) && channels && *channels % kVector != 0;
}

bool takes_any_post_ops(const LoweredOp& layer) {
  if (!output_channels(layer) || misreads_operands(layer)) return false;
  const int64_t rank = constant_tensor(layer.inputs[1])->dim();
  if (layer.kind == OpKind::MatMul) return rank == 2;
  return attr_of<int64_t>(layer, Attr::groups) == 1 || (is_depthwise(layer) && rank <= 4);
}

}  // namespace int8graph
