#include "executor/post_op.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <limits>

namespace int8graph {

using dnnl::algorithm;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::array<PostOp, 3> on_integers(const PostOp& op) {
  const auto& [scale, zero_point, dtype] = op.int8->parameters;
  const auto factor = static_cast<float>(scale);
  const auto shift = static_cast<float>(scale * static_cast<double>(zero_point));
  return {PostOp{algorithm::eltwise_linear, 1 / factor},
          PostOp{.algorithm = op.algorithm,
                 .argument = op.int8->argument,
                 .dtype = static_cast<c10::ScalarType>(dtype)},
          PostOp{algorithm::eltwise_linear, factor,
                 op.algorithm == algorithm::binary_sub ? shift : -shift}};
}

}  // namespace

Operands operands_of(std::span<const PostOp> post_ops, std::span<const at::Tensor> arguments) {
  Operands operands;
  for (const PostOp& op : post_ops) {
    if (op.reads_operand()) operands.push_back(op.argument ? arguments[*op.argument] : op.constant);
  }
  return operands;
}

std::optional<std::vector<PostOp>> on_integers(std::span<const PostOp> post_ops, Summand first) {
  std::vector<PostOp> result;
  bool is_first = first == Summand::LiesInResult;
  for (const PostOp& op : post_ops) {
    if (!op.int8) {
      result.push_back(op);
    } else if (is_first && op.algorithm == algorithm::binary_add) {
      result.push_back(op);
      is_first = false;
    } else if (op.algorithm == algorithm::binary_add || op.algorithm == algorithm::binary_sub) {
      std::ranges::copy(on_integers(op), std::back_inserter(result));
    } else {
      return {};
    }
  }
  return result;
}

std::optional<PostOp> eltwise_post_op(const LoweredOp& op) {
  switch (op.kind) {
    case OpKind::Abs:
      return PostOp{algorithm::eltwise_abs};
    case OpKind::Clamp:
      return PostOp{algorithm::eltwise_clip_v2, attr_of<float>(op, Attr::min),
                    attr_of<float>(op, Attr::max)};
    case OpKind::Elu:
      return PostOp{algorithm::eltwise_elu, attr_of<float>(op, Attr::alpha)};
    case OpKind::Exp:
      return PostOp{algorithm::eltwise_exp};
    case OpKind::GELU:
      return PostOp{algorithm::eltwise_gelu_erf};
    case OpKind::HardSigmoid:
      return PostOp{algorithm::eltwise_hardsigmoid, attr_of<float>(op, Attr::alpha),
                    attr_of<float>(op, Attr::beta)};
    case OpKind::HardSwish:
      return PostOp{algorithm::eltwise_hardswish, 1.0F / 6, 0.5F};
    case OpKind::LeakyReLU:
      return PostOp{algorithm::eltwise_relu, attr_of<float>(op, Attr::alpha)};
    case OpKind::Log:
      return PostOp{algorithm::eltwise_log};
    case OpKind::Mish:
      return PostOp{algorithm::eltwise_mish};
    case OpKind::ReLU:
      return PostOp{algorithm::eltwise_relu};
    case OpKind::Round:
      return PostOp{algorithm::eltwise_round};
    case OpKind::Sigmoid:
      return PostOp{algorithm::eltwise_logistic};
    case OpKind::SoftPlus:
      return PostOp{algorithm::eltwise_soft_relu, attr_of<float>(op, Attr::beta)};
    case OpKind::Sqrt:
      return PostOp{algorithm::eltwise_sqrt};
    case OpKind::Square:
      return PostOp{algorithm::eltwise_square};
    case OpKind::Tanh:
      return PostOp{algorithm::eltwise_tanh};
    default:
      return {};
  }
}

std::optional<PostOp> post_op_with(OpKind kind, float number) {
  switch (kind) {
    case OpKind::Add:
      return PostOp{algorithm::eltwise_linear, 1, number};
    case OpKind::Divide:
      return PostOp{algorithm::eltwise_linear, 1 / number, 0};
    case OpKind::Maximum:
      return PostOp{algorithm::eltwise_clip_v2, number, kInfinity};
    case OpKind::Minimum:
      return PostOp{algorithm::eltwise_clip_v2, -kInfinity, number};
    case OpKind::Multiply:
      return PostOp{algorithm::eltwise_linear, number, 0};
    case OpKind::Subtract:
      return PostOp{algorithm::eltwise_linear, 1, -number};
    default:
      return {};
  }
}

std::optional<algorithm> binary_algorithm(OpKind kind) {
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
    case OpKind::PReLU:
      return algorithm::undef;
    case OpKind::Subtract:
      return algorithm::binary_sub;
    default:
      return {};
  }
}

}  // namespace int8graph
