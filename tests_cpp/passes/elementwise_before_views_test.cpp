#include "passes/elementwise_before_views.h"

#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>

#include "testing/ir.h"

namespace int8graph {
namespace {

std::string rewritten(const std::string& body) {
  const auto graph = ir(R"IR(
graph(%x : Tensor, %w : Tensor, %t : Tensor, %n : int):
  %0 : int = prim::Constant[value=0]()
  %1 : int = prim::Constant[value=1]()
  %half : float = prim::Constant[value=0.5]()
  %a : Tensor = aten::matmul(%x, %w)
)IR" + body);
  move_elementwise_before_views(*graph->block());
  graph->lint();
  return picture_of(*graph);
}

TEST(ElementwiseBeforeViews, MovesOverAllViews) {
  EXPECT_EQ(rewritten(R"IR(
  %b : Tensor = aten::transpose(%a, %0, %1)
  %c : Tensor = aten::unsqueeze(%b, %1)
  %slope : float = prim::Constant[value=0.25]()
  %d : Tensor = aten::leaky_relu(%c, %slope)
  return (%d))IR"),
            "a = aten::matmul(x, w)\n"
            "b = aten::leaky_relu(a, 0.25)\n"
            "c = aten::transpose(b, 0, 1)\n"
            "d = aten::unsqueeze(c, 1)\n"
            "return d\n");
}

TEST(ElementwiseBeforeViews, SizesMayBeReadInBetween) {
  EXPECT_EQ(rewritten(R"IR(
  %s : int = aten::size(%a, %0)
  %b : Tensor = aten::transpose(%a, %0, %1)
  %d : Tensor = aten::relu(%b)
  return (%d, %s))IR"),
            "a = aten::matmul(x, w)\n"
            "b = aten::relu(a)\n"
            "c = aten::size(b, 0)\n"
            "d = aten::transpose(b, 0, 1)\n"
            "return d, c\n");
}

TEST(ElementwiseBeforeViews, OneAfterTheOther) {
  EXPECT_EQ(rewritten(R"IR(
  %b : Tensor = aten::transpose(%a, %0, %1)
  %c : Tensor = aten::relu(%b)
  %d : Tensor = aten::mul(%c, %half)
  return (%d))IR"),
            "a = aten::matmul(x, w)\n"
            "b = aten::relu(a)\n"
            "c = aten::mul(b, 0.5)\n"
            "d = aten::transpose(c, 0, 1)\n"
            "return d\n");
}

/// Whether an operator still stands behind the transpose.
bool stays(const std::string& name, const std::string& body) {
  const std::string picture = rewritten(body);
  return picture.find(name) > picture.find("aten::transpose");
}

TEST(ElementwiseBeforeViews, StaysWhereSomebodyElseReads) {
  EXPECT_TRUE(stays("aten::relu", R"IR(
  %b : Tensor = aten::transpose(%a, %0, %1)
  %d : Tensor = aten::relu(%b)
  return (%d, %a))IR"));
  EXPECT_TRUE(stays("aten::relu", R"IR(
  %b : Tensor = aten::transpose(%a, %0, %1)
  %d : Tensor = aten::relu(%b)
  return (%d, %b))IR"));
}

TEST(ElementwiseBeforeViews, StaysBehindPartsAndWritesAndOperatorsThatDoNotCompute) {
  EXPECT_TRUE(stays("aten::relu", R"IR(
  %s : Tensor = aten::select(%a, %0, %1)
  %b : Tensor = aten::transpose(%s, %0, %1)
  %d : Tensor = aten::relu(%b)
  return (%d))IR"));
  EXPECT_TRUE(stays("aten::relu", R"IR(
  %b : Tensor = aten::transpose(%a, %0, %1)
  %e : Tensor = aten::add_(%b, %t, %1)
  %d : Tensor = aten::relu(%b)
  return (%d))IR"));
  EXPECT_TRUE(stays("aten::relu", R"IR(
  %b : Tensor = aten::transpose(%t, %0, %1)
  %d : Tensor = aten::relu(%b)
  return (%d))IR"));
}

TEST(ElementwiseBeforeViews, StaysWhereAnotherArgumentIsATensorOrNoConstant) {
  EXPECT_TRUE(stays("aten::mul", R"IR(
  %b : Tensor = aten::transpose(%a, %0, %1)
  %d : Tensor = aten::mul(%b, %t)
  return (%d))IR"));
  EXPECT_TRUE(stays("aten::mul", R"IR(
  %b : Tensor = aten::transpose(%a, %0, %1)
  %d : Tensor = aten::mul(%b, %n)
  return (%d))IR"));
}

}  // namespace
}  // namespace int8graph
