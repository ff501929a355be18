#include "passes/masks_as_sums.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>

#include <limits>

#include "testing/ir.h"

namespace int8graph {
namespace {

std::string written(const std::string& nodes) {
  const auto graph = ir(R"IR(
graph(%x : Tensor, %y : Tensor, %mask : Tensor, %infinite : Tensor):
  %low : float = prim::Constant[value=-1e13]()
  %small : float = prim::Constant[value=-1]()
  %eight : float = prim::Constant[value=8]()
  %none : NoneType = prim::Constant()
  %last : int = prim::Constant[value=-1]()
  %product : Tensor = aten::matmul(%x, %y)
)IR" + nodes + "\n  return (%p)",
                        {{"infinite", at::scalar_tensor(-std::numeric_limits<float>::infinity())}});
  write_masks_as_sums(*graph->block());
  return picture_of(*graph);
}

TEST(MasksAsSums, FilledScoresBecomeASum) {
  EXPECT_EQ(written(R"IR(
  %s : Tensor = aten::div(%product, %eight)
  %m : Tensor = aten::masked_fill(%s, %mask, %low)
  %p : Tensor = aten::softmax(%m, %last, %none))IR"),
            "a = aten::matmul(x, y)\n"
            "b = aten::div(a, 8)\n"
            "c = aten::where(mask, -10000000000000., 0.)\n"
            "d = aten::add(b, c, 1)\n"
            "e = aten::softmax(d, -1, None)\n"
            "return e\n");
}

TEST(MasksAsSums, ChosenScoresBecomeASum) {
  EXPECT_EQ(written(R"IR(
  %m : Tensor = aten::where(%mask, %product, %low)
  %p : Tensor = aten::softmax(%m, %last, %none))IR"),
            "a = aten::matmul(x, y)\n"
            "b = aten::where(mask, 0., -10000000000000.)\n"
            "c = aten::add(a, b, 1)\n"
            "d = aten::softmax(c, -1, None)\n"
            "return d\n");
}

TEST(MasksAsSums, NumbersThatLeaveAProbabilityStay) {
  const auto text = written(R"IR(
  %m : Tensor = aten::masked_fill(%product, %mask, %small)
  %p : Tensor = aten::softmax(%m, %last, %none))IR");
  EXPECT_NE(text.find("aten::masked_fill"), std::string::npos);
}

TEST(MasksAsSums, MinusInfinityIsAddedToo) {
  EXPECT_EQ(written(R"IR(
  %m : Tensor = aten::masked_fill(%product, %mask, %infinite)
  %p : Tensor = aten::softmax(%m, %last, %none))IR"),
            "a = aten::matmul(x, y)\n"
            "b = aten::where(mask, -inf, 0.)\n"
            "c = aten::add(a, b, 1)\n"
            "d = aten::softmax(c, -1, None)\n"
            "return d\n");
}

TEST(MasksAsSums, ScoresThatAreReadElsewhereStay) {
  for (const char* readers : {
           "%p : Tensor = aten::relu(%m)",
           "%s : Tensor = aten::softmax(%m, %last, %none)\n  %p : Tensor = aten::mul(%s, %m)",
           "%s : Tensor = aten::softmax(%m, %last, %none)\n  %p : Tensor = aten::mul(%s, %product)",
       }) {
    const auto text = written(
        std::string("\n  %m : Tensor = aten::masked_fill(%product, %mask, %low)\n  ") + readers);
    EXPECT_NE(text.find("aten::masked_fill"), std::string::npos) << text;
  }
}

TEST(MasksAsSums, WhatIsNoProductStays) {
  const auto text = written(R"IR(
  %m : Tensor = aten::masked_fill(%x, %mask, %low)
  %p : Tensor = aten::softmax(%m, %last, %none))IR");
  EXPECT_NE(text.find("aten::masked_fill"), std::string::npos);
}

}  // namespace
}  // namespace int8graph
