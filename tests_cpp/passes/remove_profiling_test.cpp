#include "passes/remove_profiling.h"

#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>

#include "testing/ir.h"

namespace int8graph {
namespace {

namespace jit = torch::jit;

void profile_outputs(jit::Graph& graph, jit::Node* node, c10::Symbol kind) {
  jit::Node* profile = graph.create(kind, {node->output()}, 1)->insertAfter(node);
  profile->output()->setType(node->output()->type());
  node->output()->replaceAllUsesAfterNodeWith(profile, profile->output());
}

TEST(RemoveProfiling, ReadersReadTheValueItselfAgain) {
  const auto graph = ir(R"IR(
graph(%x : Tensor):
  %a : Tensor = aten::relu(%x)
  %b : Tensor = aten::sigmoid(%a)
  return (%b))IR");
  profile_outputs(*graph, find_node(*graph, "aten::relu"), c10::prim::profile);
  profile_outputs(*graph, find_node(*graph, "aten::sigmoid"), c10::prim::profile_ivalue);
  EXPECT_EQ(picture_of(*graph),
            "a = aten::relu(x)\n"
            "b = prim::profile(a)\n"
            "c = aten::sigmoid(b)\n"
            "d = prim::profile_ivalue(c)\n"
            "return d\n");
  remove_profiling(*graph->block());
  EXPECT_EQ(picture_of(*graph),
            "a = aten::relu(x)\n"
            "b = aten::sigmoid(a)\n"
            "return b\n");
}

TEST(RemoveProfiling, ReachesIntoBranchesAndTakesThoseWithoutOutput) {
  const auto graph = ir(R"IR(
graph(%x : Tensor, %c : bool):
  %y : Tensor = prim::If(%c)
    block0():
      %a : Tensor = aten::relu(%x)
      -> (%a)
    block1():
      -> (%x)
  return (%y))IR");
  jit::Node* relu = find_node(*graph, "aten::relu");
  profile_outputs(*graph, relu, c10::prim::profile);
  graph->create(c10::prim::profile, 0)->insertAfter(relu);
  remove_profiling(*graph->block());
  EXPECT_EQ(picture_of(*graph),
            "a = prim::If(c)\n"
            "  b = aten::relu(x)\n"
            "  -> b\n"
            "  -> x\n"
            "return a\n");
}

}  // namespace
}  // namespace int8graph
