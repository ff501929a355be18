#include "executor/matmul_plan.h"

#include <ATen/ATen.h>
#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>
#include <array>

#include "executor/tensor_bridge.h"
#include "ops/attached_nodes.h"
#include "ops/node_arguments.h"
#include "ops/operator_table.h"
#include "passes/quantizers.h"

namespace int8graph {

namespace jit = torch::jit;
using dnnl::algorithm;

namespace {

/// Thrown where the subgraph is not of the form that a plan describes.
struct NotOneProduct {};

void require(bool condition) {
  if (!condition) throw NotOneProduct{};
}

bool has_flag(const LoweredOp& op, Attr attr) {
  const AttrValue* value = find_attr(op, attr);
  return value != nullptr && std::get<bool>(*value);
}

float number(const LoweredOp& op, Attr attr) {
  const AttrValue* value = find_attr(op, attr);
  require(value != nullptr);
  return std::get<float>(*value);
}

/// The post-op of an element-wise operation; the factors are those of oneDNN's eltwise algorithms.
MatmulPlan::PostOp eltwise(const LoweredOp& op) {
  switch (op.kind) {
    case OpKind::Abs:
      return {algorithm::eltwise_abs};
    case OpKind::Clamp:
      return {algorithm::eltwise_clip, number(op, Attr::min), number(op, Attr::max)};
    case OpKind::Elu:
      return {algorithm::eltwise_elu, number(op, Attr::alpha)};
    case OpKind::Exp:
      return {algorithm::eltwise_exp};
    case OpKind::GELU:
      return {algorithm::eltwise_gelu_erf};
    case OpKind::HardSigmoid:
      return {algorithm::eltwise_hardsigmoid, number(op, Attr::alpha), number(op, Attr::beta)};
    case OpKind::HardSwish:
      return {algorithm::eltwise_hardswish, 1.0F / 6, 0.5F};
    case OpKind::LeakyReLU:
      return {algorithm::eltwise_relu, number(op, Attr::alpha)};
    case OpKind::Log:
      return {algorithm::eltwise_log};
    case OpKind::Mish:
      return {algorithm::eltwise_mish};
    case OpKind::ReLU:
      return {algorithm::eltwise_relu};
    case OpKind::Round:
      return {algorithm::eltwise_round};
    case OpKind::Sigmoid:
      return {algorithm::eltwise_logistic};
    case OpKind::Sqrt:
      return {algorithm::eltwise_sqrt};
    case OpKind::Square:
      return {algorithm::eltwise_square};
    case OpKind::Tanh:
      return {algorithm::eltwise_tanh};
    default:
      throw NotOneProduct{};
  }
}

/// The operation with a constant as its second operand.
MatmulPlan::PostOp with_number(OpKind kind, float number) {
  switch (kind) {
    case OpKind::Add:
      return {algorithm::eltwise_linear, 1, number};
    case OpKind::Divide:
      return {algorithm::eltwise_linear, 1 / number, 0};
    case OpKind::Multiply:
      return {algorithm::eltwise_linear, number, 0};
    case OpKind::Subtract:
      return {algorithm::eltwise_linear, 1, -number};
    default:
      throw NotOneProduct{};
  }
}

algorithm binary(OpKind kind) {
  switch (kind) {
    case OpKind::Add:
      return algorithm::binary_add;
    case OpKind::Divide:
      return algorithm::binary_div;
    case OpKind::Maximum:
      return algorithm::binary_max;
    case OpKind::Minimum:
      return algorithm::binary_min;
    case OpKind::Multiply:
      return algorithm::binary_mul;
    case OpKind::Subtract:
      return algorithm::binary_sub;
    default:
      throw NotOneProduct{};
  }
}

bool commutes(OpKind kind) {
  return kind != OpKind::Divide && kind != OpKind::Subtract;
}

at::Tensor scales_of(const at::Tensor& weight, int64_t channel_axis) {
  if (weight.qscheme() == at::kPerTensorAffine) {
    return at::full({1}, weight.q_scale(), at::kFloat);
  }
  require(weight.q_per_channel_axis() == channel_axis);
  return weight.q_per_channel_scales().to(at::kFloat).contiguous();
}

/// Follows the one chain of operations from the product to the result. No value of it is read by
/// anything but the next operation, apart from x in x * sigmoid(x), so none is needed in memory.
class Reader {
 public:
  explicit Reader(jit::Graph& subgraph) : subgraph_(subgraph) {}

  MatmulPlan run() {
    for (jit::Node* node : subgraph_.nodes()) {
      if (is_part_of_its_reader(*node)) continue;
      require(node->outputs().size() == 1);
      Lowering lowering = lower_node(*node);
      const auto* op = std::get_if<LoweredOp>(&lowering);
      require(op != nullptr);
      read(*op, node->output());
    }
    require(subgraph_.outputs().size() == 1 && result_ == subgraph_.outputs()[0]);
    return std::move(plan_);
  }

 private:
  void read(const LoweredOp& op, jit::Value* output) {
    if (op.kind == OpKind::Dequantize) return;  // read where it is used
    require(plan_.quantizer == nullptr);
    if (op.kind == OpKind::MatMul) {
      read_product(op);
    } else if (op.kind == OpKind::Quantize) {
      require(op.inputs[0] == result_);
      const auto parameters = parameters_of(*output);
      require(parameters.has_value());
      plan_.quantizer = make_quantizer(*parameters);
    } else if (is_swish(op)) {
      plan_.post_ops.back() = {algorithm::eltwise_swish, 1.0F};
    } else {
      plan_.post_ops.push_back(op.inputs.size() == 2 ? of_two(op) : of_result(op));
    }
    before_ = std::exchange(result_, output);
  }

  void read_product(const LoweredOp& op) {
    require(result_ == nullptr);
    plan_.source = activation(*op.inputs[0]);
    if (const auto weight = constant_tensor(op.inputs[1])) {
      read_weight(*weight, has_flag(op, Attr::transpose_b));
    } else {
      require(op.attrs.empty());
      plan_.second = activation(*op.inputs[1]);
      require(plan_.second->parameters.zero_point == 0 &&
              static_cast<c10::ScalarType>(plan_.second->parameters.dtype) == c10::kQInt8);
    }
    if (op.inputs.size() > 2) {
      const auto bias = constant_tensor(op.inputs[2]);
      require(bias && plan_.weight.defined() && bias->scalar_type() == c10::kFloat &&
              bias->dim() == 1 && bias->numel() == plan_.outer_size());
      plan_.bias = bias->contiguous();
    }
  }

  MatmulPlan::Activation activation(const jit::Value& value) const {
    const jit::Node& dequantize = *value.node();
    require(dequantize.kind() == explicit_dequantize_symbol());
    const auto parameters = parameters_at(dequantize);
    require(parameters.has_value());
    return {argument(dequantize.input(0)), *parameters};
  }

  void read_weight(const at::Tensor& weight, bool is_transposed) {
    require(weight.scalar_type() == c10::kQInt8 && weight.dim() == 2 && is_symmetric(weight));
    plan_.weight = weight;
    plan_.weight_is_transposed = is_transposed;
    plan_.weight_scales = scales_of(weight, is_transposed ? 0 : 1);
  }

  /// x * sigmoid(x), where the sigmoid was taken for a post-op of its own at first.
  bool is_swish(const LoweredOp& op) const {
    return op.kind == OpKind::Multiply && !plan_.post_ops.empty() &&
           plan_.post_ops.back().algorithm == algorithm::eltwise_logistic &&
           std::ranges::is_permutation(op.inputs, std::array{before_, result_});
  }

  MatmulPlan::PostOp of_result(const LoweredOp& op) const {
    require(op.inputs.size() == 1 && op.inputs[0] == result_);
    return eltwise(op);
  }

  MatmulPlan::PostOp of_two(const LoweredOp& op) const {
    const bool first = op.inputs[0] == result_;
    require(first || (op.inputs[1] == result_ && commutes(op.kind)));
    const jit::Value* other = op.inputs[first ? 1 : 0];
    if (const auto constant = constant_tensor(other)) {
      require(constant->numel() == 1 && constant->dim() <= 1 &&
              constant->scalar_type() == c10::kFloat);
      return with_number(op.kind, constant->item<float>());
    }
    return {.algorithm = binary(op.kind), .argument = argument(other)};
  }

  size_t argument(const jit::Value* value) const {
    const auto inputs = subgraph_.inputs();
    const auto found = std::ranges::find(inputs, value);
    require(found != inputs.end());
    return static_cast<size_t>(found - inputs.begin());
  }

  jit::Graph& subgraph_;
  MatmulPlan plan_{};
  jit::Value* result_ = nullptr;  ///< of the operations read so far
  jit::Value* before_ = nullptr;  ///< the result before the last of them
};

}  // namespace

std::optional<MatmulPlan> matmul_plan(jit::Graph& subgraph) {
  try {
    return Reader(subgraph).run();
  } catch (const NotOneProduct&) {
    return {};
  }
}

}  // namespace int8graph
