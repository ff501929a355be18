#include "passes/known_regions.h"

#include <ATen/core/Tensor.h>
#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_set>

#include "ops/activations.h"
#include "ops/attached_nodes.h"
#include "ops/node_arguments.h"
#include "ops/operator_table.h"
#include "passes/quantizers.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

using Nodes = std::unordered_set<const jit::Node*>;

template <OpKind... kinds>
bool is_one_of(OpKind kind) {
  return ((kind == kinds) || ...);
}

constexpr auto is_compute = is_one_of<OpKind::Convolution, OpKind::ConvTranspose, OpKind::MatMul>;
constexpr auto is_pool = is_one_of<OpKind::AvgPool, OpKind::MaxPool>;
constexpr auto is_rows = is_one_of<OpKind::LayerNorm, OpKind::SoftMax>;
constexpr auto is_unary =
    is_one_of<OpKind::Abs, OpKind::Clamp, OpKind::Elu, OpKind::Exp, OpKind::GELU,
              OpKind::HardSigmoid, OpKind::HardSwish, OpKind::LeakyReLU, OpKind::Log, OpKind::Mish,
              OpKind::ReLU, OpKind::Round, OpKind::Sigmoid, OpKind::SoftPlus, OpKind::Sqrt,
              OpKind::Square, OpKind::Tanh>;
constexpr auto is_binary = is_one_of<OpKind::Add, OpKind::Divide, OpKind::Maximum, OpKind::Minimum,
                                     OpKind::Multiply, OpKind::Subtract>;

std::optional<LoweredOp> lowered(jit::Node& node) {
  Lowering lowering = lower_node(node);
  auto* op = std::get_if<LoweredOp>(&lowering);
  return op != nullptr ? std::optional(std::move(*op)) : std::nullopt;
}

/// The region around one operation, or none.
class RegionAround {
 public:
  explicit RegionAround(const Nodes& candidates) : candidates_(candidates) {}

  Region run(jit::Node& node) {
    const auto op = lowered(node);
    if (!op) return {};
    if (is_compute(op->kind)) {
      grow_from_compute(node, *op);
    } else if (is_pool(op->kind)) {
      grow_from_pool(node, *op);
    } else if (is_rows(op->kind)) {
      grow_from_rows(node);
    } else if (op->kind == OpKind::Concat) {
      grow_from_concat(node, *op);
    }
    std::ranges::sort(region_, [](const auto* a, const auto* b) { return a->isBefore(b); });
    return std::move(region_);
  }

 private:
  void grow_from_compute(jit::Node& node, const LoweredOp& op) {
    jit::Node* activation = dequantize_for_region(*op.inputs[0]);
    jit::Node* weight = weight_for_region(*op.inputs[1]);
    if (activation == nullptr || weight == nullptr) return;
    region_ = {activation, weight, &node};
    jit::Value* result = node.output();
    while (jit::Value* next = extend(*result)) result = next;
  }

  void grow_from_pool(jit::Node& node, const LoweredOp& op) {
    jit::Node* activation = dequantize_for_region(*op.inputs[0]);
    jit::Node* quantize = quantizer_for_region(*node.output());
    if (activation != nullptr && quantize != nullptr) region_ = {activation, &node, quantize};
  }

  void grow_from_rows(jit::Node& node) {
    jit::Node* quantize = quantizer_for_region(*node.output());
    const auto parameters = quantize != nullptr ? parameters_at(*quantize) : std::nullopt;
    if (parameters && parameters->zero_point == 0) region_ = {&node, quantize};
  }

  void grow_from_concat(jit::Node& node, const LoweredOp& op) {
    jit::Node* quantize = quantizer_for_region(*node.output());
    if (quantize == nullptr) return;
    Region region = {&node, quantize};
    for (jit::Value* operand : op.inputs) {
      jit::Node* dequantize = dequantize_for_region(*operand);
      if (dequantize == nullptr || parameters_at(*dequantize) != parameters_at(*quantize)) return;
      region.push_back(dequantize);
    }
    region_ = std::move(region);
  }

  jit::Node* only_reader(const jit::Value& value) const {
    const auto& uses = value.uses();
    return uses.size() == 1 && candidates_.contains(uses[0].user) ? uses[0].user : nullptr;
  }

  /// The dequantize of an activation that nobody else reads; null for other values.
  jit::Node* dequantize_for_region(jit::Value& value) const {
    jit::Node* node = value.node();
    const bool fits = node->kind() == explicit_dequantize_symbol() && is_candidate(*node) &&
                      value.uses().size() == 1;
    return fits ? node : nullptr;
  }

  jit::Node* quantizer_for_region(const jit::Value& result) const {
    jit::Node* reader = only_reader(result);
    return reader != nullptr && is_quantize(*reader) && parameters_at(*reader) ? reader : nullptr;
  }

  /// The same for what oneDNN takes for a weight: s8 without zero point, constant or not.
  jit::Node* weight_for_region(jit::Value& value) const {
    if (!constant_tensor(&value)) {
      jit::Node* dequantize = dequantize_for_region(value);
      const auto parameters = dequantize != nullptr ? parameters_at(*dequantize) : std::nullopt;
      return parameters && is_symmetric_int8(*parameters) ? dequantize : nullptr;
    }
    jit::Node* node = value.node();
    const bool fits =
        node->kind() == c10::aten::dequantize && is_candidate(*node) && value.uses().size() == 1;
    const auto weight = fits ? constant_tensor(node->input(0)) : std::nullopt;
    return weight && weight->scalar_type() == c10::kQInt8 && is_symmetric(*weight) ? node : nullptr;
  }

  /// Lets the reader of a result join; null at the chain's end.
  jit::Value* extend(jit::Value& result) {
    const auto& uses = result.uses();
    if (uses.size() == 2) {
      jit::Value* joined = extend_by_branch(*uses[0].user, *uses[1].user);
      return joined != nullptr ? joined : extend_by_branch(*uses[1].user, *uses[0].user);
    }
    jit::Node* reader = only_reader(result);
    const auto op = reader != nullptr ? lowered(*reader) : std::nullopt;
    if (!op) return nullptr;
    if (op->kind == OpKind::Quantize) {
      if (summand_ != nullptr) region_.push_back(summand_);
      region_.push_back(reader);
      return nullptr;
    }
    if (!is_unary(op->kind) && !is_binary(op->kind)) return nullptr;
    if (!has_room_for(1)) return nullptr;
    if (op->kind == OpKind::Add && summand_ == nullptr) {
      summand_ = dequantize_for_region(*op->inputs[op->inputs[0] == &result ? 1 : 0]);
    }
    region_.push_back(reader);
    return reader->output();
  }

  /// x * sigmoid(x), x + relu(x) and the like: one reader joins the branch that starts at the
  /// other.
  jit::Value* extend_by_branch(jit::Node& start, jit::Node& end) {
    Region branch;
    for (jit::Node* node = &start; node != &end; node = only_reader(*node->output())) {
      if (node == nullptr || !is_candidate(*node) || !stands_in_branch(*node)) return nullptr;
      branch.push_back(node);
    }
    const auto op = is_candidate(end) ? lowered(end) : std::nullopt;
    if (!op || !is_binary(op->kind) || !has_room_for(branch.size() + 1)) return nullptr;
    region_.insert(region_.end(), branch.begin(), branch.end());
    region_.push_back(&end);
    return end.output();
  }

  bool has_room_for(size_t operations) const {
    return region_.size() + operations <= kOperandsAndCompute + kMostPostOps;
  }

  static bool stands_in_branch(jit::Node& node) {
    const auto op = lowered(node);
    if (!op) return false;
    return is_unary(op->kind) || (is_binary(op->kind) && constant_tensor(op->inputs[1]));
  }

  bool is_candidate(const jit::Node& node) const { return candidates_.contains(&node); }

  static constexpr size_t kOperandsAndCompute = 3;
  static constexpr size_t kMostPostOps = 3;  // of oneDNN Graph 3.2

  const Nodes& candidates_;
  Region region_;
  jit::Node* summand_ = nullptr;  ///< an int8 operand of a sum, which joins if a quantizer does
};

bool reads_int8(jit::Node& node) {
  return std::ranges::any_of(tensors_read_by(node), [](const ActivationUse& use) {
    return use.value()->node()->kind() == explicit_dequantize_symbol();
  });
}

bool has_form(jit::Node& node) {
  return lowered(node).has_value();
}

/// Whether an operation that oneDNN Graph has a form for reads the value, be it in a list.
bool is_read_by_any_form(const jit::Value& value) {
  return std::ranges::any_of(value.uses(), [](const jit::Use& use) {
    return is_attached(*use.user) ? is_read_by_any_form(*use.user->output()) : has_form(*use.user);
  });
}

/// Whether the node, of no known region, may be part of one that oneDNN Graph knows: it reads int8,
/// or quantizes what such a node makes, or dequantizes something for one.
bool may_be_fused(jit::Node& node) {
  if (is_quantize(node)) return reads_int8(*node.input(0)->node());
  return is_quantizer(node) ? is_read_by_any_form(*node.output()) : reads_int8(node);
}

}  // namespace

KnownRegions find_known_regions(const std::vector<jit::Node*>& nodes) {
  KnownRegions known;
  Nodes candidates(nodes.begin(), nodes.end());
  for (jit::Node* node : nodes) {
    Region region = RegionAround(candidates).run(*node);
    for (const jit::Node* member : region) candidates.erase(member);
    if (!region.empty()) known.regions.push_back(std::move(region));
  }
  for (jit::Node* node : nodes) {
    if (!candidates.contains(node) || is_part_of_its_reader(*node)) continue;
    const Lowering lowering = lower_node(*node);
    if (const auto* reason = std::get_if<Reason>(&lowering)) {
      known.outside.emplace(node, reason->text);
    } else if (may_be_fused(*node)) {
      known.unknown.push_back(node);
    } else {
      known.outside.emplace(node, why_not_worth_it(*node));
    }
  }
  return known;
}

const char* why_not_worth_it(const jit::Node& node) {
  // Measured: 98,304 floats to u8 in 9.6 us by PyTorch, in 45 us by oneDNN's reorder.
  return is_quantizer(node) ? "it has no neighbour to be fused with, and PyTorch's own kernel is "
                              "faster than oneDNN's"
                            : "it has no int8 neighbour to be fused with";
}

}  // namespace int8graph
