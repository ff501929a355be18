#include "passes/functionalize.h"

#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>

#include "testing/ir.h"

namespace int8graph {
namespace {

TEST(Functionalize, InPlaceFormsBecomePureAndViewsReshapes) {
  const auto graph = ir(R"IR(
graph(%x : Tensor, %sizes : int[]):
  %a : Tensor = aten::sigmoid(%x)
  %b : Tensor = aten::relu_(%a)
  %c : Tensor = aten::view(%b, %sizes)
  return (%c))IR");
  functionalize(graph);
  EXPECT_EQ(picture_of(*graph),
            "a = aten::sigmoid(x)\n"
            "b = aten::relu(a)\n"
            "c = aten::reshape(b, sizes)\n"
            "return c\n");
}

TEST(Functionalize, AWriteThatOthersSeeStaysAndKeepsTheViews) {
  // The caller sees %x change. A reshape of %b that copies would lose the second write.
  const auto graph = ir(R"IR(
graph(%x : Tensor, %sizes : int[]):
  %one : int = prim::Constant[value=1]()
  %b : Tensor = aten::add_(%x, %x, %one)
  %c : Tensor = aten::view(%b, %sizes)
  %d : Tensor = aten::relu_(%c)
  return (%b))IR");
  functionalize(graph);
  EXPECT_EQ(picture_of(*graph),
            "a = aten::add_(x, x, 1)\n"
            "b = aten::view(a, sizes)\n"
            "c = aten::relu_(b)\n"
            "return a\n");
}

TEST(Functionalize, ReachesIntoBranches) {
  const auto graph = ir(R"IR(
graph(%x : Tensor, %sizes : int[], %c : bool):
  %y : Tensor = prim::If(%c)
    block0():
      %a : Tensor = aten::view(%x, %sizes)
      -> (%a)
    block1():
      -> (%x)
  return (%y))IR");
  functionalize(graph);
  EXPECT_EQ(picture_of(*graph),
            "a = prim::If(c)\n"
            "  b = aten::reshape(x, sizes)\n"
            "  -> b\n"
            "  -> x\n"
            "return a\n");
}

}  // namespace
}  // namespace int8graph
