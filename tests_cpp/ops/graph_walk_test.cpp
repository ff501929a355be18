#include "ops/graph_walk.h"

#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>

#include <functional>

#include "testing/ir.h"

namespace int8graph {
namespace {

namespace jit = torch::jit;

std::shared_ptr<jit::Graph> branching() {
  return ir(R"IR(
graph(%x : Tensor, %c : bool):
  %a : Tensor = aten::relu(%x)
  %y : Tensor = prim::If(%c)
    block0():
      %b : Tensor = aten::sigmoid(%a)
      -> (%b)
    block1():
      -> (%a)
  %e : Tensor = aten::neg(%y)
  return (%e))IR");
}

std::string visited(jit::Graph& graph, const std::function<void(jit::Node&)>& visit) {
  std::string names;
  for_each_node(*graph.block(), [&](jit::Node& node) {
    names += (names.empty() ? "" : " ") + std::string(node.kind().toUnqualString());
    visit(node);
  });
  return names;
}

TEST(ForEachNode, TakesNestedNodesBeforeTheOneThatHoldsThem) {
  EXPECT_EQ(visited(*branching(), [](jit::Node&) {}), "relu sigmoid If neg");
}

TEST(ForEachNode, TheNodeVisitedMayBeDestroyed) {
  const auto graph = branching();
  visited(*graph, [](jit::Node& node) {
    if (node.kind() == c10::prim::If) return;
    node.output()->replaceAllUsesWith(node.input(0));
    node.destroy();
  });
  EXPECT_EQ(picture_of(*graph),
            "a = prim::If(c)\n"
            "  -> x\n"
            "  -> x\n"
            "return a\n");
}

TEST(ForEachNode, WhatIsInsertedAroundANodeIsNotVisited) {
  const auto graph = branching();
  const std::string names = visited(*graph, [&](jit::Node& node) {
    if (node.kind() != c10::aten::sigmoid && node.kind() != c10::aten::neg) return;
    graph->create(c10::aten::abs, {node.input(0)}, 1)->insertBefore(&node);
    graph->create(c10::aten::exp, {node.output()}, 1)->insertAfter(&node);
  });
  EXPECT_EQ(names, "relu sigmoid If neg");
}

TEST(AnyNode, LooksIntoNestedBlocks) {
  const auto graph = branching();
  const auto holds = [&](c10::Symbol kind) {
    return any_node(*graph->block(), [&](const jit::Node& node) { return node.kind() == kind; });
  };
  EXPECT_TRUE(holds(c10::aten::neg));
  EXPECT_TRUE(holds(c10::aten::sigmoid));
  EXPECT_FALSE(holds(c10::aten::tanh));
}

}  // namespace
}  // namespace int8graph
