#include "passes/join_attention.h"

#include <ATen/core/Tensor.h>
#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
#include <unordered_map>

#include "ops/lowered_node.h"
#include "ops/node_arguments.h"
#include "passes/quantizers.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

/// A product of two activations and the operations behind it, without dequantizers, each of which
/// reads what the one before makes, once.
struct Product {
  LoweredOp compute;
  std::vector<LoweredOp> behind;
};

bool is_plain_product(const LoweredOp& op) {
  return op.kind == OpKind::MatMul && op.inputs.size() == 2 && op.attrs.empty() &&
         !constant_tensor(op.inputs[1]);
}

/// Nothing for a region of another kind.
std::optional<Product> product_of(const Region& region) {
  std::optional<Product> product;
  const jit::Value* result = nullptr;
  for (jit::Node* node : region) {
    auto op = lowered(*node);
    if (!op) return {};
    if (op->kind == OpKind::Dequantize) continue;
    if (product) {
      if (result->uses().size() != 1 || std::ranges::count(op->inputs, result) != 1) return {};
      product->behind.push_back(std::move(*op));
    } else if (is_plain_product(*op)) {
      product = Product{std::move(*op), {}};
    } else {
      return {};
    }
    result = node->output();
  }
  return product;
}

/// Arithmetic that makes no NaN of the padding, where operands are 1 and scores are some number;
/// with no constants of other dtypes.
bool is_plain_arithmetic(const LoweredOp& op) {
  constexpr std::array kArithmetic = {OpKind::Add, OpKind::Subtract, OpKind::Multiply,
                                      OpKind::Divide};
  return std::ranges::find(kArithmetic, op.kind) != kArithmetic.end() &&
         std::ranges::all_of(op.inputs, [](const jit::Value* input) {
           const auto constant = constant_tensor(input);
           return !constant || constant->scalar_type() == c10::kFloat;
         });
}

bool makes_scores(const Region& region) {
  const auto product = product_of(region);
  return product && std::ranges::all_of(product->behind, is_plain_arithmetic);
}

bool takes_mean(const Region& region, const jit::Value& probabilities) {
  const auto product = product_of(region);
  return product && product->compute.inputs[0] == &probabilities &&
         std::ranges::all_of(product->behind,
                             [](const LoweredOp& op) { return op.kind == OpKind::Quantize; });
}

/// Along the last dimension of 3 or 4.
bool is_softmax(const Region& region) {
  if (region.size() != 2 || region[0]->kind() != c10::aten::softmax) return false;
  const auto axis = constant_integer(region[0]->input(1));
  return (axis == -1 || axis == 2 || axis == 3) && is_quantize(*region[1]);
}

class Joiner {
 public:
  explicit Joiner(std::vector<Region> regions) : regions_(std::move(regions)) {
    for (size_t i = 0; i < regions_.size(); ++i) {
      for (const jit::Node* node : regions_[i]) region_of_.emplace(node, i);
    }
  }

  std::vector<Region> run() {
    for (Region& region : regions_) {
      if (is_softmax(region)) join(region);
    }
    std::erase_if(regions_, [](const Region& region) { return region.empty(); });
    return std::move(regions_);
  }

 private:
  void join(Region& softmax) {
    const jit::Value& read = *softmax[0]->input(0);
    const jit::Value& made = *softmax[1]->output();
    if (read.uses().size() != 1 || made.uses().size() != 1) return;
    Region* scores = find(*read.node());
    if (scores == nullptr || !makes_scores(*scores)) return;
    const jit::Node& dequantize = *made.uses()[0].user;
    Region* mean = find(dequantize);
    if (mean == nullptr || !takes_mean(*mean, *dequantize.output())) return;
    for (Region* part : {scores, mean}) {
      std::ranges::move(*part, std::back_inserter(softmax));
      part->clear();
    }
    std::ranges::sort(softmax, [](const auto* a, const auto* b) { return a->isBefore(b); });
  }

  Region* find(const jit::Node& node) {
    const auto known = region_of_.find(&node);
    return known != region_of_.end() ? &regions_[known->second] : nullptr;
  }

  std::vector<Region> regions_;
  std::unordered_map<const jit::Node*, size_t> region_of_;
};

}  // namespace

std::vector<Region> join_attention(std::vector<Region> regions) {
  return Joiner(std::move(regions)).run();
}

}  // namespace int8graph
