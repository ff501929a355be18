#include "passes/compute_region.h"

#include <ATen/core/Tensor.h>
#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>
#include <optional>

#include "ops/lowered_node.h"
#include "ops/node_arguments.h"
#include "ops/op_properties.h"
#include "passes/quantizers.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

template <OpKind... kinds>
bool is_one_of(OpKind kind) {
  return ((kind == kinds) || ...);
}

constexpr auto is_unary =
    is_one_of<OpKind::Abs, OpKind::Clamp, OpKind::Elu, OpKind::Exp, OpKind::GELU,
              OpKind::HardSigmoid, OpKind::HardSwish, OpKind::LeakyReLU, OpKind::Log, OpKind::Mish,
              OpKind::ReLU, OpKind::Round, OpKind::Sigmoid, OpKind::SoftPlus, OpKind::Sqrt,
              OpKind::Square, OpKind::Tanh>;
constexpr auto is_directed = is_one_of<OpKind::Divide, OpKind::Subtract>;

/// Whether the operation computes with the value, in the place where a post-op takes its result.
bool takes_as_result(const LoweredOp& op, const jit::Value& value) {
  return is_unary(op.kind) || commutes(op.kind) || (is_directed(op.kind) && op.inputs[0] == &value);
}

/// Whether the operation changes each number alone, with constants at most.
bool is_of_one_tensor(const LoweredOp& op) {
  if (is_unary(op.kind)) return true;
  return (commutes(op.kind) && constant_tensor(op.inputs[0])) ||
         ((commutes(op.kind) || is_directed(op.kind)) && constant_tensor(op.inputs[1]));
}

bool is_constant_number(const jit::Value& value) {
  const auto constant = constant_tensor(&value);
  return constant && is_number(*constant);
}

/// sigmoid(x) or sigmoid(number * x).
bool is_gate_of_swish(const std::vector<LoweredOp>& ops) {
  if (ops.empty() || ops.back().kind != OpKind::Sigmoid) return false;
  if (ops.size() == 1) return true;
  const bool scales = ops[0].kind == OpKind::Multiply || ops[0].kind == OpKind::Divide;
  return ops.size() == 2 && scales && std::ranges::any_of(ops[0].inputs, [](const auto* input) {
           return is_constant_number(*input);
         });
}

bool reads_constant_of_another_dtype(const LoweredOp& op) {
  return std::ranges::any_of(op.inputs, [](const jit::Value* input) {
    const auto constant = constant_tensor(input);
    return constant && constant->scalar_type() != c10::kFloat;
  });
}

class Grower {
 public:
  explicit Grower(const Candidates& candidates) : candidates_(candidates) {}

  Region run(jit::Node& node, const LoweredOp& op) {
    from_compute(node, op);
    std::ranges::sort(region_, [](const auto* a, const auto* b) { return a->isBefore(b); });
    return std::move(region_);
  }

 private:
  void from_compute(jit::Node& node, const LoweredOp& op) {
    jit::Node* activation = candidates_.dequantize_of(*op.inputs[0]);
    jit::Node* weight = weight_of(*op.inputs[1]);
    if (activation == nullptr || weight == nullptr) return;
    region_ = {activation, weight, &node};
    if (takes_any_post_ops(op)) channels_ = output_channels(op);
    jit::Value* result = node.output();
    while (jit::Value* next = extend(*result)) result = next;
    // oneDNN Graph fuses a summand only where a quantizer follows; primitives of layers read any.
    const bool is_fp32 = !is_quantize(*region_.back());
    if (is_fp32 && summand_ != nullptr && channels_) {
      region_.push_back(summand_);
    }
    if (misreads_operands(op)) cut_before_operands(*node.output());
  }

  /// What reads another tensor leaves, and all that follows it; with the quantizer a summand leaves
  /// that would lie in the place of the result, so that its sum leaves, too.
  void cut_before_operands(const jit::Value& made) {
    const auto is_operand = [this](const jit::Value* input) {
      return !is_constant_number(*input) && !is_in_region(*input->node());
    };
    const auto reads_operand = [&](jit::Node* node) {
      return !is_quantizer(*node) && std::ranges::any_of(lowered(*node)->inputs, is_operand);
    };
    const auto behind_compute = region_.begin() + kComputeAndItsInputs;
    const auto find = [&] { return std::find_if(behind_compute, region_.end(), reads_operand); };
    for (auto first = find(); first != region_.end(); first = find()) {
      region_.erase(first, region_.end());
    }
    // Half a branch is none.
    const bool is_whole = std::ranges::all_of(
        made.uses(), [this](const jit::Use& use) { return is_in_region(*use.user); });
    if (!is_whole) region_.erase(behind_compute, region_.end());
  }

  bool is_in_region(const jit::Node& node) const {
    return std::ranges::find(region_, &node) != region_.end();
  }

  /// The dequantize of what oneDNN takes for a weight: s8 without zero point, constant or not.
  jit::Node* weight_of(jit::Value& value) const {
    if (!constant_tensor(&value)) {
      jit::Node* dequantize = candidates_.dequantize_of(value);
      const bool fits = dequantize != nullptr && is_symmetric_int8(*parameters_at(*dequantize));
      return fits ? dequantize : nullptr;
    }
    jit::Node* node = value.node();
    const bool is_ours = node->kind() == c10::aten::dequantize && candidates_.contain(*node) &&
                         value.uses().size() == 1;
    const auto weight = is_ours ? constant_tensor(node->input(0)) : std::nullopt;
    return weight && weight->scalar_type() == c10::kQInt8 && is_symmetric(*weight) ? node : nullptr;
  }

  /// Lets the reader of a result join; null at the region's end.
  jit::Value* extend(jit::Value& result) {
    const auto& uses = result.uses();
    if (uses.size() == 2) {
      jit::Value* joined = extend_by_branch(result, *uses[0].user, *uses[1].user);
      return joined != nullptr ? joined : extend_by_branch(result, *uses[1].user, *uses[0].user);
    }
    jit::Node* reader = candidates_.only_reader(result);
    const auto op = reader != nullptr ? lowered(*reader) : std::nullopt;
    if (op && op->kind == OpKind::Quantize) {
      end_with(*reader);
      return nullptr;
    }
    if (!op || post_ops_ >= most_post_ops()) return nullptr;
    const bool is_prelu = is_prelu_of(result, *op);
    if (!takes_as_result(*op, result) && !is_prelu) return nullptr;
    if (reads_constant_of_another_dtype(*op)) {
      if (only_for_primitives_) return nullptr;
      leave_to_onednn_graph();
    }
    only_for_primitives_ |= is_prelu || post_ops_ == kMostOfOneDnnGraph;
    if (op->kind == OpKind::Add && post_ops_ == 0) {
      summand_ = candidates_.dequantize_of(*op->inputs[op->inputs[0] == &result ? 1 : 0]);
    }
    ++post_ops_;
    region_.push_back(reader);
    return reader->output();
  }

  /// oneDNN Graph leaves PReLU alone, but convolution and matmul primitives take one whose slopes
  /// are constants.
  bool is_prelu_of(const jit::Value& result, const LoweredOp& op) const {
    if (op.kind != OpKind::PReLU || op.inputs[0] != &result) return false;
    const auto slopes = constant_tensor(op.inputs[1]);
    return slopes && slopes->scalar_type() == c10::kFloat && slopes->numel() == channels_;
  }

  void end_with(jit::Node& quantize) {
    // oneDNN Graph 3.2 would read a summand of the other int8 dtype in that of the result.
    const auto parameters = parameters_at(quantize);
    if (!parameters) return;
    if (summand_ != nullptr && parameters_at(*summand_)->dtype == parameters->dtype) {
      region_.push_back(summand_);
    }
    region_.push_back(&quantize);
  }

  /// x * sigmoid(x), x + relu(x), tanh(x) - x: behind a compute operation, whose result x is, one
  /// of its readers joins the branch that starts at the other. Of these, primitives know the first.
  jit::Value* extend_by_branch(jit::Value& result, jit::Node& start, jit::Node& end) {
    if (post_ops_ > 0) return nullptr;
    Region branch;
    std::vector<LoweredOp> ops;
    for (jit::Node* node = &start; node != &end; node = candidates_.only_reader(*node->output())) {
      auto op = node != nullptr && candidates_.contain(*node) ? lowered(*node) : std::nullopt;
      if (!op || !is_of_one_tensor(*op)) return nullptr;
      branch.push_back(node);
      ops.push_back(std::move(*op));
    }
    const auto op = candidates_.contain(end) ? lowered(end) : std::nullopt;
    const bool joins = op && (commutes(op->kind) || (is_directed(op->kind) &&
                                                     op->inputs[1] == &result && !branch.empty()));
    if (!joins || branch.size() + 1 > kMostOfOneDnnGraph) return nullptr;
    const bool is_swish = op->kind == OpKind::Multiply && is_gate_of_swish(ops) &&
                          std::ranges::none_of(ops, reads_constant_of_another_dtype);
    if (!is_swish) leave_to_onednn_graph();
    post_ops_ = branch.size() + 1;
    region_.insert(region_.end(), branch.begin(), branch.end());
    region_.push_back(&end);
    return end.output();
  }

  void leave_to_onednn_graph() { channels_.reset(); }

  size_t most_post_ops() const { return channels_ ? kMostOfPrimitives : kMostOfOneDnnGraph; }

  static constexpr std::ptrdiff_t kComputeAndItsInputs = 3;
  static constexpr size_t kMostOfOneDnnGraph = 3;  // in version 3.2
  // They take 32. A summand in int8 may need three, and is one at most.
  static constexpr size_t kMostOfPrimitives = 30;

  const Candidates& candidates_;
  Region region_;
  size_t post_ops_ = 0;
  bool only_for_primitives_ = false;  ///< of what joined, oneDNN Graph takes no more than a part
  std::optional<int64_t> channels_;   ///< that a layer makes which primitives compute as a whole
  jit::Node* summand_ = nullptr;      ///< makes the other operand, in int8, of a sum
};

}  // namespace

Region grow_compute_region(jit::Node& node, const LoweredOp& op, const Candidates& candidates) {
  return Grower(candidates).run(node, op);
}

}  // namespace int8graph
