#include "passes/move_quantizers.h"

#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>

#include "testing/ir.h"

namespace int8graph {
namespace {

/// A graph with constants for a quantizer (%s, %z, %t), another one (%s2), and a flatten.
std::shared_ptr<torch::jit::Graph> moved(const std::string& nodes, const std::string& result) {
  const auto graph = ir(R"IR(
graph(%x : Tensor):
  %s : float = prim::Constant[value=0.02]()
  %s2 : float = prim::Constant[value=0.5]()
  %z : int = prim::Constant[value=128]()
  %t : int = prim::Constant[value=13]()
  %one : int = prim::Constant[value=1]()
  %end : int = prim::Constant[value=-1]()
)IR" + nodes + "\n  return (" +
                        result + ")");
  move_quantizers(graph);
  return graph;
}

TEST(MoveQuantizers, AQuantizeMovesOverAView) {
  const auto graph = moved(R"IR(
  %1 : Tensor = aten::relu(%x)
  %2 : Tensor = aten::flatten(%1, %one, %end)
  %3 : Tensor = aten::quantize_per_tensor(%2, %s, %z, %t)
  %4 : Tensor = aten::dequantize(%3))IR",
                           "%4");
  EXPECT_EQ(picture_of(*graph),
            "a = aten::relu(x)\n"
            "b = aten::quantize_per_tensor(a, 0.02, 128, 13)\n"
            "c = aten::flatten(b, 1, -1)\n"
            "d = aten::dequantize(c)\n"
            "return d\n");
}

TEST(MoveQuantizers, ADequantizeMovesUnderAView) {
  const auto graph = moved(R"IR(
  %1 : Tensor = aten::quantize_per_tensor(%x, %s, %z, %t)
  %2 : Tensor = aten::dequantize(%1)
  %3 : Tensor = aten::flatten(%2, %one, %end)
  %4 : Tensor = aten::relu(%3))IR",
                           "%4");
  EXPECT_EQ(picture_of(*graph),
            "a = aten::quantize_per_tensor(x, 0.02, 128, 13)\n"
            "b = aten::flatten(a, 1, -1)\n"
            "c = aten::dequantize(b)\n"
            "d = aten::relu(c)\n"
            "return d\n");
}

TEST(MoveQuantizers, BothMeetOverSeveralViewsAndDisappear) {
  const auto graph = moved(R"IR(
  %1 : Tensor = aten::quantize_per_tensor(%x, %s, %z, %t)
  %2 : Tensor = aten::dequantize(%1)
  %3 : Tensor = aten::flatten(%2, %one, %end)
  %4 : Tensor = aten::unsqueeze(%3, %one)
  %5 : Tensor = aten::quantize_per_tensor(%4, %s, %z, %t)
  %6 : Tensor = aten::dequantize(%5)
  %7 : Tensor = aten::relu(%6))IR",
                           "%7");
  EXPECT_EQ(picture_of(*graph),
            "a = aten::quantize_per_tensor(x, 0.02, 128, 13)\n"
            "b = aten::flatten(a, 1, -1)\n"
            "c = aten::unsqueeze(b, 1)\n"
            "d = aten::dequantize(c)\n"
            "e = aten::relu(d)\n"
            "return e\n");
}

TEST(MoveQuantizers, OtherParametersStay) {
  const auto graph = moved(R"IR(
  %1 : Tensor = aten::quantize_per_tensor(%x, %s, %z, %t)
  %2 : Tensor = aten::dequantize(%1)
  %3 : Tensor = aten::quantize_per_tensor(%2, %s2, %z, %t)
  %4 : Tensor = aten::dequantize(%3))IR",
                           "%4");
  EXPECT_EQ(picture_of(*graph),
            "a = aten::quantize_per_tensor(x, 0.02, 128, 13)\n"
            "b = aten::dequantize(a)\n"
            "c = aten::quantize_per_tensor(b, 0.5, 128, 13)\n"
            "d = aten::dequantize(c)\n"
            "return d\n");
}

TEST(MoveQuantizers, AViewThatIsReadInFp32TooStaysInFp32) {
  const auto graph = moved(R"IR(
  %1 : Tensor = aten::relu(%x)
  %2 : Tensor = aten::flatten(%1, %one, %end)
  %3 : Tensor = aten::quantize_per_tensor(%2, %s, %z, %t)
  %4 : Tensor = aten::dequantize(%3)
  %5 : Tensor = aten::add(%2, %4, %one))IR",
                           "%5");
  EXPECT_EQ(picture_of(*graph),
            "a = aten::relu(x)\n"
            "b = aten::flatten(a, 1, -1)\n"
            "c = aten::quantize_per_tensor(b, 0.02, 128, 13)\n"
            "d = aten::dequantize(c)\n"
            "e = aten::add(b, d, 1)\n"
            "return e\n");
}

TEST(MoveQuantizers, EqualQuantizersOfOneValueBecomeOne) {
  const auto graph = moved(R"IR(
  %1 : Tensor = aten::quantize_per_tensor(%x, %s, %z, %t)
  %2 : Tensor = aten::quantize_per_tensor(%x, %s, %z, %t)
  %3 : Tensor = aten::quantize_per_tensor(%x, %s2, %z, %t)
  %4 : Tensor = aten::dequantize(%1)
  %5 : Tensor = aten::dequantize(%2)
  %6 : Tensor = aten::dequantize(%3)
  %7 : Tensor = aten::mul(%4, %5)
  %8 : Tensor = aten::mul(%7, %6))IR",
                           "%8");
  EXPECT_EQ(picture_of(*graph),
            "a = aten::quantize_per_tensor(x, 0.02, 128, 13)\n"
            "b = aten::quantize_per_tensor(x, 0.5, 128, 13)\n"
            "c = aten::dequantize(a)\n"
            "d = aten::dequantize(b)\n"
            "e = aten::mul(c, c)\n"
            "f = aten::mul(e, d)\n"
            "return f\n");
}

TEST(MoveQuantizers, ASizeIsReadBeforeADequantize) {
  const auto graph = moved(R"IR(
  %1 : Tensor = aten::quantize_per_tensor(%x, %s, %z, %t)
  %2 : Tensor = aten::dequantize(%1)
  %3 : int = aten::size(%2, %one)
  %4 : Tensor = aten::flatten(%2, %one, %3)
  %5 : Tensor = aten::quantize_per_tensor(%4, %s, %z, %t))IR",
                           "%5");
  EXPECT_EQ(picture_of(*graph),
            "a = aten::quantize_per_tensor(x, 0.02, 128, 13)\n"
            "b = aten::size(a, 1)\n"
            "c = aten::flatten(a, 1, b)\n"
            "return c\n");
}

TEST(MoveQuantizers, ADequantizeMovesUnderWhatDivides) {
  const auto graph = moved(R"IR(
  %1 : Tensor = aten::quantize_per_tensor(%x, %s, %z, %t)
  %2 : Tensor = aten::dequantize(%1)
  %3 : Tensor, %4 : Tensor = prim::ConstantChunk[chunks=2, dim=1](%2)
  %5 : Tensor = aten::relu(%3)
  %6 : Tensor = aten::quantize_per_tensor(%4, %s, %z, %t)
  %7 : (Tensor, Tensor) = prim::TupleConstruct(%5, %6))IR",
                           "%7");
  EXPECT_EQ(picture_of(*graph),
            "a = aten::quantize_per_tensor(x, 0.02, 128, 13)\n"
            "b, c = prim::ConstantChunk(a)\n"
            "d = aten::dequantize(b)\n"
            "e = aten::relu(d)\n"
            "f = prim::TupleConstruct(e, c)\n"
            "return f\n");
}

TEST(MoveQuantizers, WhatComputesIsNotMovedOver) {
  const auto graph = moved(R"IR(
  %1 : Tensor = aten::relu(%x)
  %2 : Tensor = aten::quantize_per_tensor(%1, %s, %z, %t)
  %3 : Tensor = aten::dequantize(%2)
  %4 : Tensor = aten::sigmoid(%3))IR",
                           "%4");
  EXPECT_EQ(picture_of(*graph),
            "a = aten::relu(x)\n"
            "b = aten::quantize_per_tensor(a, 0.02, 128, 13)\n"
            "c = aten::dequantize(b)\n"
            "d = aten::sigmoid(c)\n"
            "return d\n");
}

TEST(MoveQuantizers, OnlyTheFirstInputOfAViewIsWhatMoves) {
  // %2 gives its shape alone.
  const auto graph = moved(R"IR(
  %1 : Tensor = aten::quantize_per_tensor(%x, %s, %z, %t)
  %2 : Tensor = aten::dequantize(%1)
  %y : Tensor = aten::relu(%x)
  %3 : Tensor = aten::view_as(%y, %2))IR",
                           "%3");
  EXPECT_EQ(picture_of(*graph),
            "a = aten::quantize_per_tensor(x, 0.02, 128, 13)\n"
            "b = aten::dequantize(a)\n"
            "c = aten::relu(x)\n"
            "d = aten::view_as(c, b)\n"
            "return d\n");
}

}  // namespace
}  // namespace int8graph
