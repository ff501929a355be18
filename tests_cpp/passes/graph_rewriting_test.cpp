#include "passes/graph_rewriting.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>

#include "testing/fused_graphs.h"
#include "testing/ir.h"

namespace int8graph {
namespace {

namespace jit = torch::jit;

using Names = std::vector<std::string>;

std::string rewritten(const std::shared_ptr<jit::Graph>& graph, const std::vector<Region>& regions,
                      size_t rejected = 0) {
  EXPECT_EQ(rewrite_regions(regions).size(), rejected);
  graph->lint();
  return summary_of(*graph);
}

Region nodes_of(const std::shared_ptr<jit::Graph>& graph, const Names& kinds) {
  Region region;
  for (const std::string& kind : kinds) region.push_back(find_node(*graph, kind));
  return region;
}

TEST(RewriteRegions, ARegionBecomesOneNodeWithItsConstantsInside) {
  const auto graph = ir(R"IR(
graph(%q : Tensor, %weight : Tensor):
  %s : float = prim::Constant[value=0.02]()
  %z : int = prim::Constant[value=128]()
  %t : int = prim::Constant[value=13]()
  %none : NoneType = prim::Constant()
  %d : Tensor = int8graph::dequantize(%q, %s, %z, %t)
  %l : Tensor = aten::linear(%d, %weight, %none)
  %p : Tensor = aten::quantize_per_tensor(%l, %s, %z, %t)
  return (%p))IR",
                        {{"weight", at::ones({4, 4})}});
  EXPECT_EQ(rewritten(graph, {nodes_of(graph, {"int8graph::dequantize", "aten::linear",
                                               "aten::quantize_per_tensor"})}),
            "dequantize+linear+quantize");
  EXPECT_EQ(picture_of(*graph), "a = int8graph::partition(q)\nreturn a\n");
  const auto subgraph = partitions_of(*graph).at(0)->g(c10::attr::Subgraph);
  ASSERT_EQ(subgraph->inputs().size(), 1);
  EXPECT_EQ(subgraph->outputs().size(), 1);
}

TEST(RewriteRegions, WhatDependsOnTheRegionMovesBehindIt) {
  const auto graph = ir(R"IR(
graph(%x : Tensor, %y : Tensor):
  %a : Tensor = aten::relu(%x)
  %m : Tensor = aten::neg(%a)
  %n : Tensor = aten::exp(%m)
  %u : Tensor = aten::abs(%y)
  %b : Tensor = aten::sigmoid(%a)
  %r : (Tensor, Tensor, Tensor) = prim::TupleConstruct(%b, %n, %u)
  return (%r))IR");
  EXPECT_EQ(rewritten(graph, {nodes_of(graph, {"aten::relu", "aten::sigmoid"})}),
            "aten::abs | relu+sigmoid | aten::neg | aten::exp");
  // %a is read outside, so it leaves the partition.
  EXPECT_EQ(partitions_of(*graph).at(0)->outputs().size(), 2);
}

TEST(RewriteRegions, ARegionThatWouldDependOnItselfIsRejected) {
  const auto graph = ir(R"IR(
graph(%x : Tensor):
  %one : int = prim::Constant[value=1]()
  %a : Tensor = aten::relu(%x)
  %m : Tensor = aten::neg(%a)
  %b : Tensor = aten::add(%a, %m, %one)
  return (%b))IR");
  EXPECT_EQ(rewritten(graph, {nodes_of(graph, {"aten::relu", "aten::add"})}, 1),
            "aten::relu | aten::neg | aten::add");
}

TEST(RewriteRegions, ADependencyOverSeveralNodesIsSeenToo) {
  const auto graph = ir(R"IR(
graph(%x : Tensor):
  %one : int = prim::Constant[value=1]()
  %a : Tensor = aten::relu(%x)
  %m : Tensor = aten::neg(%a)
  %n : Tensor = aten::exp(%m)
  %b : Tensor = aten::sigmoid(%a)
  %c : Tensor = aten::add(%b, %n, %one)
  return (%c))IR");
  EXPECT_EQ(rewritten(graph, {nodes_of(graph, {"aten::relu", "aten::sigmoid", "aten::add"})}, 1),
            "aten::relu | aten::neg | aten::exp | aten::sigmoid | aten::add");
}

TEST(RewriteRegions, AListInsideARegionGoesInsideWithIt) {
  const auto graph = ir(R"IR(
graph(%x : Tensor, %y : Tensor):
  %one : int = prim::Constant[value=1]()
  %a : Tensor = aten::relu(%x)
  %list : Tensor[] = prim::ListConstruct(%a, %y)
  %b : Tensor = aten::cat(%list, %one)
  %c : Tensor = aten::sigmoid(%b)
  return (%c))IR");
  EXPECT_EQ(rewritten(graph, {nodes_of(graph, {"aten::relu", "aten::cat", "aten::sigmoid"})}),
            "relu+cat+sigmoid");
  jit::Node* node = partitions_of(*graph).at(0);
  EXPECT_EQ(node->inputs().size(), 2);
}

TEST(RewriteRegions, TwoRegionsFollowEachOther) {
  const auto graph = ir(R"IR(
graph(%x : Tensor):
  %a : Tensor = aten::relu(%x)
  %b : Tensor = aten::sigmoid(%a)
  %c : Tensor = aten::neg(%b)
  %d : Tensor = aten::exp(%c)
  return (%d))IR");
  EXPECT_EQ(rewritten(graph, {nodes_of(graph, {"aten::relu", "aten::sigmoid"}),
                              nodes_of(graph, {"aten::neg", "aten::exp"})}),
            "relu+sigmoid | neg+exp");
  EXPECT_EQ(partitions_of(*graph).size(), 2);
}

}  // namespace
}  // namespace int8graph
