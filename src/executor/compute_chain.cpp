#include "executor/compute_chain.h"

#include <ATen/ATen.h>
#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>
#include <array>

#include "executor/tensor_bridge.h"
#include "ops/attached_nodes.h"
#include "ops/node_arguments.h"
#include "ops/operator_table.h"

namespace int8graph {

namespace jit = torch::jit;
using dnnl::algorithm;

namespace {

/// Thrown where the subgraph is not of the form that a chain describes.
struct NotOneChain {};

void require(bool condition) {
  if (!condition) throw NotOneChain{};
}

float number(const LoweredOp& op, Attr attr) {
  const AttrValue* value = find_attr(op, attr);
  require(value != nullptr);
  return std::get<float>(*value);
}

/// The post-op of an element-wise operation; the factors are those of oneDNN's eltwise algorithms.
PostOp eltwise(const LoweredOp& op) {
  switch (op.kind) {
    case OpKind::Abs:
      return {algorithm::eltwise_abs};
    case OpKind::Clamp:
      return {algorithm::eltwise_clip_v2, number(op, Attr::min), number(op, Attr::max)};
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
      throw NotOneChain{};
  }
}

/// The operation with a constant as its second operand.
PostOp with_number(OpKind kind, float number) {
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
      throw NotOneChain{};
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
      throw NotOneChain{};
  }
}

bool commutes(OpKind kind) {
  return kind != OpKind::Divide && kind != OpKind::Subtract;
}

std::optional<size_t> position_among_inputs(const jit::Graph& subgraph, const jit::Value* value) {
  const auto inputs = subgraph.inputs();
  const auto found = std::ranges::find(inputs, value);
  if (found == inputs.end()) return {};
  return static_cast<size_t>(found - inputs.begin());
}

class Reader {
 public:
  explicit Reader(jit::Graph& subgraph) : subgraph_(subgraph) {}

  ComputeChain run() {
    for (jit::Node* node : subgraph_.nodes()) {
      if (is_part_of_its_reader(*node)) continue;
      require(node->outputs().size() == 1);
      Lowering lowering = lower_node(*node);
      auto* op = std::get_if<LoweredOp>(&lowering);
      require(op != nullptr);
      read(*op, node->output());
    }
    require(subgraph_.outputs().size() == 1 && result() == subgraph_.outputs()[0]);
    return std::move(chain_);
  }

 private:
  void read(LoweredOp& op, jit::Value* output) {
    if (op.kind == OpKind::Dequantize) return;  // read where it is used
    require(chain_.quantizer == nullptr);
    if (op.kind == OpKind::MatMul || op.kind == OpKind::Convolution) {
      require(results_.empty());
      chain_.compute = std::move(op);
    } else if (op.kind == OpKind::Quantize) {
      require(op.inputs[0] == result());
      const auto parameters = parameters_of(*output);
      require(parameters.has_value());
      chain_.quantizer = make_quantizer(*parameters);
    } else if (const auto swish = swish_of(op)) {
      chain_.post_ops.resize(chain_.post_ops.size() - swish->replaced);
      results_.resize(chain_.post_ops.size() + 1);
      chain_.post_ops.push_back({algorithm::eltwise_swish, swish->alpha});
    } else {
      chain_.post_ops.push_back(op.inputs.size() == 2 ? of_two(op) : of_result(op));
    }
    results_.push_back(output);
  }

  jit::Value* result() const {
    require(!results_.empty());
    return results_.back();
  }

  struct Swish {
    float alpha;
    size_t replaced;  ///< how many of the last post-ops it stands for
  };

  /// x * sigmoid(alpha * x), of which all but the product was taken for post-ops at first.
  std::optional<Swish> swish_of(const LoweredOp& op) const {
    const auto& ops = chain_.post_ops;
    const auto multiplies = [&](jit::Value* x) {
      return std::ranges::is_permutation(op.inputs, std::array{x, results_.back()});
    };
    const size_t count = ops.size();
    if (op.kind != OpKind::Multiply || count == 0 ||
        ops[count - 1].algorithm != algorithm::eltwise_logistic) {
      return {};
    }
    if (multiplies(results_[count - 1])) return Swish{1, 1};
    if (count < 2 || ops[count - 2].algorithm != algorithm::eltwise_linear ||
        ops[count - 2].beta != 0 || !multiplies(results_[count - 2])) {
      return {};
    }
    return Swish{ops[count - 2].alpha, 2};
  }

  PostOp of_result(const LoweredOp& op) const {
    require(op.inputs.size() == 1 && op.inputs[0] == result());
    return eltwise(op);
  }

  PostOp of_two(const LoweredOp& op) const {
    const bool first = op.inputs[0] == result();
    require(first || (op.inputs[1] == result() && commutes(op.kind)));
    const jit::Value* other = op.inputs[first ? 1 : 0];
    if (const auto constant = constant_tensor(other)) {
      require(constant->numel() == 1 && constant->dim() <= 1 &&
              constant->scalar_type() == c10::kFloat);
      return with_number(op.kind, constant->item<float>());
    }
    PostOp result{.algorithm = binary(op.kind)};
    result.argument = position_among_inputs(subgraph_, other);
    if (!result.argument) result.int8 = quantized_input(subgraph_, *other);
    require(result.argument || result.int8);
    return result;
  }

  jit::Graph& subgraph_;
  ComputeChain chain_{};
  /// [0]: of compute; [i]: of post-op i - 1; then the quantizer's.
  std::vector<jit::Value*> results_;
};

/// One for each output channel, or one for all; nothing if they belong to another axis.
std::optional<at::Tensor> scales_of(const at::Tensor& weight, int64_t channel_axis) {
  if (weight.qscheme() == at::kPerTensorAffine) {
    return at::full({1}, weight.q_scale(), at::kFloat);
  }
  if (weight.q_per_channel_axis() != channel_axis) return {};
  return weight.q_per_channel_scales().to(at::kFloat).contiguous();
}

}  // namespace

std::optional<ComputeChain> compute_chain(jit::Graph& subgraph) {
  try {
    return Reader(subgraph).run();
  } catch (const NotOneChain&) {
    return {};
  }
}

std::optional<QuantizedInput> quantized_input(jit::Graph& subgraph, const jit::Value& dequantized) {
  const jit::Node& dequantize = *dequantized.node();
  if (dequantize.kind() != explicit_dequantize_symbol()) return {};
  const auto parameters = parameters_at(dequantize);
  const auto argument = position_among_inputs(subgraph, dequantize.input(0));
  if (!parameters || !argument) return {};
  return QuantizedInput{*argument, *parameters};
}

std::vector<int64_t> integers(const LoweredOp& op, Attr attr) {
  return std::get<std::vector<int64_t>>(*find_attr(op, attr));
}

std::optional<WeightAndBias> weight_and_bias_of(const LoweredOp& compute, int64_t channel_axis) {
  const auto weight = constant_tensor(compute.inputs[1]);
  if (!weight || weight->scalar_type() != c10::kQInt8 || !is_symmetric(*weight)) return {};
  const auto scales = scales_of(*weight, channel_axis);
  if (!scales) return {};
  WeightAndBias result{*weight, *scales, {}};
  if (compute.inputs.size() > 2) {
    const auto bias = constant_tensor(compute.inputs[2]);
    if (!bias || bias->scalar_type() != c10::kFloat || bias->dim() != 1 ||
        bias->numel() != weight->size(channel_axis)) {
      return {};
    }
    result.bias = bias->contiguous();
  }
  return result;
}

}  // namespace int8graph
