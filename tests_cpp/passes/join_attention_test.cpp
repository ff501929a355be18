#include "passes/join_attention.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>

#include "passes/known_regions.h"
#include "testing/ir.h"

namespace int8graph {
namespace {

namespace jit = torch::jit;

const std::string kHead = R"IR(
graph(%query : Tensor, %key : Tensor, %value : Tensor, %mask : Tensor, %half : Tensor,
      %weight : Tensor):
  %s : float = prim::Constant[value=0.02]()
  %z : int = prim::Constant[value=0]()
  %u8 : int = prim::Constant[value=13]()
  %s8 : int = prim::Constant[value=12]()
  %one : int = prim::Constant[value=1]()
  %last : int = prim::Constant[value=-1]()
  %none : NoneType = prim::Constant()
)IR";
const std::string kScores = R"IR(
  %q : Tensor = int8graph::dequantize(%query, %s, %z, %u8)
  %k : Tensor = int8graph::dequantize(%key, %s, %z, %s8)
  %scores : Tensor = aten::matmul(%q, %k))IR";
const std::string kSoftmax = R"IR(
  %p : Tensor = aten::softmax(%m, %last, %none)
  %i : Tensor = aten::quantize_per_tensor(%p, %s, %z, %u8)
  %a : Tensor = int8graph::dequantize(%i, %s, %z, %u8))IR";
const std::string kMean = R"IR(
  %v : Tensor = int8graph::dequantize(%value, %s, %z, %s8)
  %r : Tensor = aten::matmul(%a, %v))IR";
const std::string kQuantize = R"IR(
  %o : Tensor = aten::quantize_per_tensor(%r, %s, %z, %u8))IR";

/// The sizes of the regions in a graph of these nodes, in execution order of their ends.
std::vector<size_t> sizes_of(const std::string& nodes, const std::string& results) {
  const auto graph = ir(kHead + nodes + "\n  return (" + results + ")\n",
                        {{"half", at::full({}, 0.5F)}, {"weight", int8_weight({4, 4})}});
  std::vector<jit::Node*> all;
  for (jit::Node* node : graph->nodes()) {
    if (node->kind() != c10::prim::Constant) all.push_back(node);
  }
  std::vector<Region> regions = join_attention(find_known_regions(all).regions);
  std::ranges::sort(regions,
                    [](const Region& a, const Region& b) { return a.back()->isBefore(b.back()); });
  std::vector<size_t> sizes;
  for (const Region& region : regions) {
    EXPECT_TRUE(std::ranges::is_sorted(
        region, [](const auto* a, const auto* b) { return a->isBefore(b); }));
    sizes.push_back(region.size());
  }
  return sizes;
}

using Sizes = std::vector<size_t>;

TEST(JoinAttention, JoinsBothProductsAndTheSoftmax) {
  const std::string plain = kScores + "\n  %m : Tensor = aten::mul(%scores, %half)" + kSoftmax;
  EXPECT_EQ(sizes_of(plain + kMean + kQuantize, "%o"), Sizes{10});
  EXPECT_EQ(sizes_of(plain + kMean, "%r"), Sizes{9});
}

TEST(JoinAttention, TakesArithmeticBehindTheScores) {
  const std::string masked = kScores +
                             "\n  %d : Tensor = aten::div(%scores, %half)"
                             "\n  %m : Tensor = aten::add(%d, %mask, %one)" +
                             kSoftmax + kMean;
  EXPECT_EQ(sizes_of(masked, "%r"), Sizes{10});
}

TEST(JoinAttention, LeavesWhatMayMakeNaNOfThePadding) {
  const std::string root = kScores + "\n  %m : Tensor = aten::sqrt(%scores)" + kSoftmax + kMean;
  EXPECT_EQ(sizes_of(root, "%r"), (Sizes{4, 2, 3}));
}

TEST(JoinAttention, LeavesAMeanWithAnythingButAQuantizerBehindIt) {
  const std::string sum = kScores + "\n  %m : Tensor = aten::mul(%scores, %half)" + kSoftmax +
                          kMean + "\n  %t : Tensor = aten::add(%r, %mask, %one)";
  EXPECT_EQ(sizes_of(sum, "%t"), (Sizes{4, 2, 4}));
}

TEST(JoinAttention, LeavesValuesThatOthersRead) {
  const std::string plain = kScores + "\n  %m : Tensor = aten::mul(%scores, %half)" + kSoftmax;
  EXPECT_EQ(sizes_of(plain + kMean, "%r, %m"), (Sizes{4, 2, 3}));
  EXPECT_EQ(sizes_of(plain + kMean, "%r, %i"), (Sizes{4, 2, 3}));
}

TEST(JoinAttention, LeavesScoresThatAreReadTwice) {
  const std::string branch = kScores +
                             "\n  %t : Tensor = aten::mul(%scores, %half)"
                             "\n  %m : Tensor = aten::add(%t, %scores, %one)" +
                             kSoftmax + kMean;
  EXPECT_EQ(sizes_of(branch, "%r"), (Sizes{5, 2, 3}));
  const std::string square =
      kScores + "\n  %m : Tensor = aten::mul(%scores, %scores)" + kSoftmax + kMean;
  EXPECT_LE(std::ranges::max(sizes_of(square, "%r")), 4);
}

TEST(JoinAttention, LeavesProductsLikeLinearLayers) {
  const std::string linear = R"IR(
  %q : Tensor = int8graph::dequantize(%query, %s, %z, %u8)
  %k : Tensor = int8graph::dequantize(%key, %s, %z, %s8)
  %m : Tensor = aten::linear(%q, %k, %none))IR";
  EXPECT_LE(std::ranges::max(sizes_of(linear + kSoftmax + kMean, "%r")), 3);
}

TEST(JoinAttention, LeavesSoftmaxesOfOtherDimensions) {
  const auto along = [](const std::string& axis) {
    return kScores + "\n  %m : Tensor = aten::mul(%scores, %half)" +
           "\n  %p : Tensor = aten::softmax(%m, %" + axis + ", %none)" + R"IR(
  %i : Tensor = aten::quantize_per_tensor(%p, %s, %z, %u8)
  %a : Tensor = int8graph::dequantize(%i, %s, %z, %u8))IR" +
           kMean;
  };
  EXPECT_EQ(sizes_of(along("last"), "%r"), Sizes{9});
  EXPECT_EQ(sizes_of(along("one"), "%r"), (Sizes{4, 2, 3}));
}

TEST(JoinAttention, LeavesLayers) {
  const std::string layer = R"IR(
  %q : Tensor = int8graph::dequantize(%query, %s, %z, %u8)
  %w : Tensor = aten::dequantize(%weight)
  %m : Tensor = aten::linear(%q, %w, %none))IR";
  EXPECT_EQ(sizes_of(layer + kSoftmax + kMean, "%r"), (Sizes{3, 2, 3}));
}

TEST(JoinAttention, LeavesProbabilitiesThatAreMultipliedFromTheRight) {
  const std::string turned = kScores + "\n  %m : Tensor = aten::mul(%scores, %half)" + R"IR(
  %p : Tensor = aten::softmax(%m, %last, %none)
  %i : Tensor = aten::quantize_per_tensor(%p, %s, %z, %s8)
  %a : Tensor = int8graph::dequantize(%i, %s, %z, %s8)
  %v : Tensor = int8graph::dequantize(%value, %s, %z, %s8)
  %r : Tensor = aten::matmul(%v, %a))IR";
  EXPECT_EQ(sizes_of(turned, "%r"), (Sizes{4, 2, 3}));
}

}  // namespace
}  // namespace int8graph
