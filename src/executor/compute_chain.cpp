#include "executor/compute_chain.h"

#include <ATen/ATen.h>
#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>
#include <array>

#include "executor/tensor_bridge.h"
#include "ops/attached_nodes.h"
#include "ops/lowered_node.h"
#include "ops/node_arguments.h"
#include "ops/op_properties.h"
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

template <typename T>
T existing(std::optional<T> value) {
  require(value.has_value());
  return *std::move(value);
}

class Reader {
 public:
  explicit Reader(jit::Graph& subgraph) : subgraph_(subgraph) {}

  ComputeChain run() {
    for (jit::Node* node : subgraph_.nodes()) {
      if (is_part_of_its_reader(*node)) continue;
      require(node->outputs().size() == 1);
      LoweredOp op = existing(lowered(*node));
      read(op, node->output());
    }
    require(subgraph_.outputs().size() == 1 && result() == subgraph_.outputs()[0]);
    return std::move(chain_);
  }

 private:
  void read(LoweredOp& op, jit::Value* output) {
    if (op.kind == OpKind::Dequantize) return;  // read where it is used
    require(chain_.quantizer == nullptr);
    if (is_compute(op.kind)) {
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
    return existing(eltwise_post_op(op));
  }

  PostOp of_two(const LoweredOp& op) const {
    const bool first = op.inputs[0] == result();
    require(first || (op.inputs[1] == result() && commutes(op.kind)));
    const jit::Value* other = op.inputs[first ? 1 : 0];
    if (const auto constant = constant_tensor(other)) {
      require(constant->scalar_type() == c10::kFloat);
      return of_constant(op.kind, *constant);
    }
    require(op.kind != OpKind::PReLU);
    PostOp result{.algorithm = existing(binary_algorithm(op.kind))};
    result.argument = input_position(subgraph_, *other);
    if (!result.argument) result.int8 = quantized_input(subgraph_, *other);
    require(result.argument || result.int8);
    return result;
  }

  PostOp of_constant(OpKind kind, const at::Tensor& constant) const {
    if (is_number(constant) && kind != OpKind::PReLU) {
      return existing(post_op_with(kind, constant.item<float>()));
    }
    const bool is_of_channels = constant.numel() == output_channels(chain_.compute) &&
                                (kind == OpKind::PReLU || lies_along_channels(constant));
    PostOp result{.algorithm = existing(binary_algorithm(kind))};
    require(is_of_channels || !result.is_prelu());
    (is_of_channels ? result.by_channel : result.constant) = constant.contiguous();
    return result;
  }

  /// Channels are the last dimension of a linear layer's result, and stand before the spatial ones
  /// in a convolution's, which may have a batch before them.
  bool lies_along_channels(const at::Tensor& constant) const {
    if (chain_.compute.kind == OpKind::MatMul) return constant.dim() == 1;
    const auto spatial =
        static_cast<int64_t>(attr_of<std::vector<int64_t>>(chain_.compute, Attr::strides).size());
    const bool has_channels = constant.dim() == spatial + 1 || constant.dim() == spatial + 2;
    return has_channels && constant.size(-1 - spatial) == constant.numel();
  }

  jit::Graph& subgraph_;
  ComputeChain chain_{};
  /// [0]: of compute; [i]: of post-op i - 1; then the quantizer's.
  std::vector<jit::Value*> results_;
};

}  // namespace

std::optional<ComputeChain> compute_chain(jit::Graph& subgraph) {
  try {
    return Reader(subgraph).run();
  } catch (const NotOneChain&) {
    return {};
  }
}

std::optional<std::vector<PostOp>> post_ops_on_integers(const ComputeChain& chain) {
  const bool lies_in_result = chain.compute.kind != OpKind::MatMul && chain.quantizer;
  return on_integers(chain.post_ops, lies_in_result ? Summand::LiesInResult : Summand::IsRead);
}

bool has_misread_operands(const ComputeChain& chain) {
  if (!misreads_operands(chain.compute)) return false;
  const auto post_ops = post_ops_on_integers(chain);
  return !post_ops || std::ranges::any_of(*post_ops, &PostOp::reads_another_tensor);
}

}  // namespace int8graph
