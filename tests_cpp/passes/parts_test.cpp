#include "passes/parts.h"

#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>

#include "passes/writes.h"
#include "testing/ir.h"

namespace int8graph {
namespace {

/// A graph with constants for a quantizer (%s, %z, %t) and another one (%s2), after one move.
std::string moved(const std::string& nodes, const std::string& result) {
  const auto graph = ir(R"IR(
graph(%x : Tensor):
  %s : float = prim::Constant[value=0.02]()
  %s2 : float = prim::Constant[value=0.5]()
  %z : int = prim::Constant[value=128]()
  %t : int = prim::Constant[value=13]()
  %one : int = prim::Constant[value=1]()
  %four : int = prim::Constant[value=4]()
  %eight : int = prim::Constant[value=8]()
)IR" + nodes + "\n  return (" +
                        result + ")");
  quantize_before_parts(*graph->block(), written_values(*graph));
  return picture_of(*graph);
}

TEST(Parts, AQuantizerOfAllPartsStandsBeforeAChunk) {
  EXPECT_EQ(moved(R"IR(
  %1 : Tensor = aten::relu(%x)
  %2 : Tensor, %3 : Tensor = prim::ConstantChunk[chunks=2, dim=1](%1)
  %4 : Tensor = aten::quantize_per_tensor(%2, %s, %z, %t)
  %5 : Tensor = aten::quantize_per_tensor(%3, %s, %z, %t)
  %6 : (Tensor, Tensor) = prim::TupleConstruct(%4, %5))IR",
                  "%6"),
            "a = aten::relu(x)\n"
            "b = aten::quantize_per_tensor(a, 0.02, 128, 13)\n"
            "c, d = prim::ConstantChunk(b)\n"
            "e = prim::TupleConstruct(c, d)\n"
            "return e\n");
}

TEST(Parts, OrBeforeASplitIntoAList) {
  EXPECT_EQ(moved(R"IR(
  %1 : Tensor = aten::relu(%x)
  %l : Tensor[] = aten::split(%1, %four, %one)
  %2 : Tensor, %3 : Tensor = prim::ListUnpack(%l)
  %4 : Tensor = aten::flatten(%2, %one, %one)
  %5 : Tensor = aten::quantize_per_tensor(%3, %s, %z, %t)
  %6 : Tensor = aten::quantize_per_tensor(%4, %s, %z, %t)
  %7 : (Tensor, Tensor) = prim::TupleConstruct(%6, %5))IR",
                  "%7"),
            "a = aten::relu(x)\n"
            "b = aten::quantize_per_tensor(a, 0.02, 128, 13)\n"
            "c = aten::split(b, 4, 1)\n"
            "d, e = prim::ListUnpack(c)\n"
            "f = aten::flatten(d, 1, 1)\n"
            "g = prim::TupleConstruct(f, e)\n"
            "return g\n");
}

TEST(Parts, OrBeforeSlicesAndReadsOfTheSize) {
  EXPECT_EQ(moved(R"IR(
  %1 : Tensor = aten::relu(%x)
  %n : int = aten::size(%1, %one)
  %2 : Tensor = aten::slice(%1, %one, %one, %four, %one)
  %3 : Tensor = aten::slice(%1, %one, %four, %n, %one)
  %4 : Tensor = aten::quantize_per_tensor(%2, %s, %z, %t)
  %5 : Tensor = aten::quantize_per_tensor(%3, %s, %z, %t)
  %6 : (Tensor, Tensor) = prim::TupleConstruct(%4, %5))IR",
                  "%6"),
            "a = aten::relu(x)\n"
            "b = aten::quantize_per_tensor(a, 0.02, 128, 13)\n"
            "c = aten::size(b, 1)\n"
            "d = aten::slice(b, 1, 1, 4, 1)\n"
            "e = aten::slice(b, 1, 4, c, 1)\n"
            "f = prim::TupleConstruct(d, e)\n"
            "return f\n");
}

/// What %1's maker and the quantizers of its parts are; expects that nothing moves.
void expect_unmoved(const std::string& maker, const std::string& first, const std::string& second) {
  const std::string nodes = "  %1 : Tensor = " + maker + R"IR(
  %2 : Tensor, %3 : Tensor = prim::ConstantChunk[chunks=2, dim=1](%1)
  %4 : Tensor = )IR" + first +
                            "\n  %5 : Tensor = " + second +
                            "\n  %6 : (Tensor, Tensor) = prim::TupleConstruct(%4, %5)";
  const std::string picture = moved(nodes, "%6");
  EXPECT_LT(picture.find("ConstantChunk"), picture.find("quantize_per_tensor")) << picture;
}

TEST(Parts, AQuantizerStaysWhereAnotherPartIsWantedOtherwise) {
  expect_unmoved("aten::relu(%x)", "aten::quantize_per_tensor(%2, %s, %z, %t)",
                 "aten::quantize_per_tensor(%3, %s2, %z, %t)");
  expect_unmoved("aten::relu(%x)", "aten::quantize_per_tensor(%2, %s, %z, %t)", "aten::tanh(%3)");
}

TEST(Parts, AQuantizerStaysWhereNothingWouldFuseWithIt) {
  expect_unmoved("aten::softmax(%x, %one, %t)", "aten::quantize_per_tensor(%2, %s, %z, %t)",
                 "aten::quantize_per_tensor(%3, %s, %z, %t)");
}

TEST(Parts, AListThatGoesElsewhereIsNotLookedThrough) {
  const auto graph = ir(R"IR(
graph(%x : Tensor):
  %one : int = prim::Constant[value=1]()
  %l : Tensor[] = aten::split(%x, %one, %one)
  %a : Tensor, %b : Tensor = prim::ListUnpack(%l)
  %c : Tensor = aten::cat(%l, %one)
  return (%a, %c))IR");
  EXPECT_TRUE(tensors_made_by(*find_node(*graph, "aten::split")).empty());
  EXPECT_EQ(tensors_made_by(*find_node(*graph, "aten::cat")).size(), 1U);
}

}  // namespace
}  // namespace int8graph
