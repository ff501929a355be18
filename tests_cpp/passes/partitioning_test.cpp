#include "passes/partitioning.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>

#include "onednn/onednn_loader.h"
#include "testing/ir.h"

namespace int8graph {
namespace {

namespace jit = torch::jit;

/// Constants for quantizers (%s, %z, %t), linear layers with int8 weights (%w, %none).
std::shared_ptr<jit::Graph> quantized_graph(const std::string& inputs, const std::string& nodes,
                                            const std::string& result) {
  return ir("graph(" + inputs + R"IR(, %weight : Tensor):
  %s : float = prim::Constant[value=0.02]()
  %z : int = prim::Constant[value=128]()
  %t : int = prim::Constant[value=13]()
  %one : int = prim::Constant[value=1]()
  %none : NoneType = prim::Constant()
)IR" + nodes + "\n  return (" +
                result + ")",
            {{"weight", int8_weight({4, 4})}});
}

/// The kinds of each region's nodes, by their plain names.
std::vector<std::string> regions_in(const std::shared_ptr<jit::Graph>& graph) {
  load_onednn();
  std::vector<std::string> result;
  for (const Region& region : partition_block(*graph->block()).regions) {
    std::string text;
    for (const jit::Node* node : region) {
      text += std::string(text.empty() ? "" : " ") + node->kind().toUnqualString();
    }
    result.push_back(text);
  }
  return result;
}

std::string reason_of(const std::shared_ptr<jit::Graph>& graph, const std::string& kind) {
  const auto reasons = partition_block(*graph->block()).reasons;
  const auto found = reasons.find(find_node(*graph, kind));
  return found == reasons.end() ? "none" : found->second;
}

using Names = std::vector<std::string>;

// --- Which regions are found ---

TEST(PartitionBlock, FindsWhatComputesInInt8) {
  const auto graph = quantized_graph("%q : Tensor", R"IR(
  %d : Tensor = int8graph::dequantize(%q, %s, %z, %t)
  %v : Tensor = aten::dequantize(%weight)
  %l : Tensor = aten::linear(%d, %v, %none)
  %r : Tensor = aten::relu(%l)
  %p : Tensor = aten::quantize_per_tensor(%r, %s, %z, %t))IR",
                                     "%p");
  EXPECT_EQ(regions_in(graph), Names{"dequantize dequantize linear relu quantize_per_tensor"});
}

TEST(PartitionBlock, LeavesFp32ToPyTorch) {
  const auto graph = ir(R"IR(
graph(%x : Tensor, %w : Tensor):
  %none : NoneType = prim::Constant()
  %l : Tensor = aten::linear(%x, %w, %none)
  %r : Tensor = aten::relu(%l)
  return (%r))IR",
                        {{"w", at::ones({4, 4})}});
  EXPECT_EQ(regions_in(graph), Names{});
  EXPECT_EQ(reason_of(graph, "aten::relu"), "it has no int8 neighbour to be fused with");
}

TEST(PartitionBlock, TellsWhyAnOperatorIsUnknown) {
  const auto graph = quantized_graph("%x : Tensor", R"IR(
  %a : Tensor = aten::erfinv(%x)
  %p : Tensor = aten::quantize_per_tensor(%a, %s, %z, %t))IR",
                                     "%p");
  EXPECT_EQ(regions_in(graph), Names{});
  EXPECT_EQ(reason_of(graph, "aten::erfinv"), "the operator table has no row for it");
}

TEST(PartitionBlock, AnIntermediateValueThatOthersReadStaysVisible) {
  const auto graph = quantized_graph("%q : Tensor", R"IR(
  %d : Tensor = int8graph::dequantize(%q, %s, %z, %t)
  %v : Tensor = aten::dequantize(%weight)
  %l : Tensor = aten::linear(%d, %v, %none)
  %r : Tensor = aten::relu(%l)
  %e : Tensor = aten::erfinv(%l)
  %o : Tensor = aten::add(%e, %r, %one))IR",
                                     "%o");
  EXPECT_EQ(regions_in(graph), Names{"dequantize dequantize linear"});
}

// --- What divides a block ---

constexpr const char* kLinearAndRelu = R"IR(
  %d : Tensor = int8graph::dequantize(%q, %s, %z, %t)
  %v : Tensor = aten::dequantize(%weight)
  %l : Tensor = aten::linear(%d, %v, %none)
  DIVIDER
  %r : Tensor = aten::relu(%l))IR";

std::shared_ptr<jit::Graph> divided_by(const std::string& divider) {
  std::string nodes = kLinearAndRelu;
  nodes.replace(nodes.find("DIVIDER"), 7, divider);
  return quantized_graph("%q : Tensor, %x : Tensor, %c : bool", nodes, "%r");
}

TEST(PartitionBlock, APureNodeBetweenDoesNotDivide) {
  EXPECT_EQ(regions_in(divided_by("%e : Tensor = aten::erfinv(%x)")),
            Names{"dequantize dequantize linear relu"});
}

TEST(PartitionBlock, ASideEffectDivides) {
  const auto graph = divided_by("");
  jit::Node* print = graph->create(c10::prim::Print, {graph->inputs()[1]}, 0);
  print->insertBefore(find_node(*graph, "aten::relu"));
  EXPECT_EQ(regions_in(graph), Names{"dequantize dequantize linear"});
  EXPECT_NE(reason_of(graph, "prim::Print").find("side effects"), std::string::npos);
}

TEST(PartitionBlock, AnInPlaceWriteDivides) {
  const auto graph = divided_by("%e : Tensor = aten::add_(%x, %x, %one)");
  EXPECT_EQ(regions_in(graph), Names{"dequantize dequantize linear"});
  EXPECT_NE(reason_of(graph, "aten::add_").find("writes in place"), std::string::npos);
}

TEST(PartitionBlock, ABranchDivides) {
  const auto graph = divided_by(R"IR(%e : Tensor = prim::If(%c)
    block0():
      -> (%x)
    block1():
      -> (%q))IR");
  EXPECT_EQ(regions_in(graph), Names{"dequantize dequantize linear"});
}

}  // namespace
}  // namespace int8graph
