#include "passes/elementwise_before_views.h"

#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>

#include "testing/ir.h"

namespace int8graph {
namespace {

/// A product in int8, %b, and what comes behind it.
std::shared_ptr<torch::jit::Graph> graph_of(const std::string& rest) {
  return ir(R"IR(
graph(%x : Tensor, %int8 : Tensor, %t : Tensor, %n : int, %sizes : int[], %flag : bool):
  %0 : int = prim::Constant[value=0]()
  %1 : int = prim::Constant[value=1]()
  %half : float = prim::Constant[value=0.5]()
  %a : Tensor = aten::dequantize(%int8)
  %b : Tensor = aten::matmul(%x, %a)
)IR" + rest);
}

std::string rewritten(const std::string& rest) {
  const auto graph = graph_of(rest);
  move_elementwise_before_views(*graph->block());
  graph->lint();
  return picture_of(*graph);
}

void expect_unchanged(const std::string& rest) {
  EXPECT_EQ(rewritten(rest), picture_of(*graph_of(rest)));
}

const std::string kProduct = "a = aten::dequantize(int8)\nb = aten::matmul(x, a)\n";

TEST(ElementwiseBeforeViews, MovesOverAllViews) {
  EXPECT_EQ(rewritten(R"IR(
  %c : Tensor = aten::transpose(%b, %0, %1)
  %d : Tensor = aten::unsqueeze(%c, %1)
  %slope : float = prim::Constant[value=0.25]()
  %e : Tensor = aten::leaky_relu(%d, %slope)
  return (%e))IR"),
            kProduct +
                "c = aten::leaky_relu(b, 0.25)\n"
                "d = aten::transpose(c, 0, 1)\n"
                "e = aten::unsqueeze(d, 1)\n"
                "return e\n");
}

TEST(ElementwiseBeforeViews, SizesMayBeReadInBetween) {
  EXPECT_EQ(rewritten(R"IR(
  %c : int = aten::size(%b, %0)
  %d : Tensor = aten::transpose(%b, %0, %1)
  %e : Tensor = aten::relu(%d)
  return (%e, %c))IR"),
            kProduct +
                "c = aten::relu(b)\n"
                "d = aten::size(c, 0)\n"
                "e = aten::transpose(c, 0, 1)\n"
                "return e, d\n");
}

TEST(ElementwiseBeforeViews, OneAfterTheOther) {
  EXPECT_EQ(rewritten(R"IR(
  %c : Tensor = aten::transpose(%b, %0, %1)
  %d : Tensor = aten::relu(%c)
  %e : Tensor = aten::mul(%d, %half)
  return (%e))IR"),
            kProduct +
                "c = aten::relu(b)\n"
                "d = aten::mul(c, 0.5)\n"
                "e = aten::transpose(d, 0, 1)\n"
                "return e\n");
}

TEST(ElementwiseBeforeViews, StaysWhereSomebodyElseReads) {
  expect_unchanged(R"IR(
  %c : Tensor = aten::transpose(%b, %0, %1)
  %d : Tensor = aten::relu(%c)
  return (%d, %b))IR");
  expect_unchanged(R"IR(
  %c : Tensor = aten::transpose(%b, %0, %1)
  %d : Tensor = aten::relu(%c)
  return (%d, %c))IR");
}

TEST(ElementwiseBeforeViews, StaysBehindPartsAndRepetitionsAndOtherNumbers) {
  for (const char* view :
       {"aten::select(%b, %0, %1)", "aten::expand(%b, %sizes, %0)", "aten::view(%b, %1)"}) {
    expect_unchanged(std::string("  %c : Tensor = ") + view +
                     "\n  %d : Tensor = aten::abs(%c)\n  return (%d)");
  }
}

TEST(ElementwiseBeforeViews, StaysBehindWhatDoesNotComputeInInt8) {
  expect_unchanged(R"IR(
  %c : Tensor = aten::transpose(%t, %0, %1)
  %d : Tensor = aten::relu(%c)
  return (%d, %b))IR");
  expect_unchanged(R"IR(
  %p : Tensor = aten::matmul(%x, %t)
  %c : Tensor = aten::transpose(%p, %0, %1)
  %d : Tensor = aten::relu(%c)
  return (%d, %b))IR");
}

TEST(ElementwiseBeforeViews, StaysWhereItWritesOrIsWrittenTo) {
  expect_unchanged(R"IR(
  %c : Tensor = aten::transpose(%b, %0, %1)
  %d : Tensor = aten::relu_(%c)
  return (%d))IR");
  expect_unchanged(R"IR(
  %c : Tensor = aten::transpose(%b, %0, %1)
  %d : Tensor = aten::relu(%c)
  %e : Tensor = aten::add_(%d, %t, %1)
  return (%e))IR");
}

TEST(ElementwiseBeforeViews, StaysWhereAnotherArgumentIsATensorOrNoConstant) {
  for (const char* factor : {"%t", "%n"}) {
    expect_unchanged(std::string("  %c : Tensor = aten::transpose(%b, %0, %1)\n") +
                     "  %d : Tensor = aten::mul(%c, " + factor + ")\n  return (%d)");
  }
}

TEST(ElementwiseBeforeViews, StaysInItsBlock) {
  expect_unchanged(R"IR(
  %c : Tensor = aten::transpose(%b, %0, %1)
  %e : Tensor = prim::If(%flag)
    block0():
      %d : Tensor = aten::relu(%c)
      -> (%d)
    block1():
      -> (%t)
  return (%e))IR");
}

}  // namespace
}  // namespace int8graph
