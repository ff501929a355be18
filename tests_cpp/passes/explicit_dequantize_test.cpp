#include "passes/explicit_dequantize.h"

#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>

#include "testing/ir.h"

namespace int8graph {
namespace {

TEST(ExplicitDequantize, EachReaderGetsItsOwnWithParameters) {
  const auto graph = ir(R"IR(
graph(%x : Tensor):
  %s : float = prim::Constant[value=0.02]()
  %z : int = prim::Constant[value=128]()
  %t : int = prim::Constant[value=13]()
  %one : int = prim::Constant[value=1]()
  %1 : Tensor = aten::quantize_per_tensor(%x, %s, %z, %t)
  %2 : Tensor = aten::dequantize(%1)
  %3 : Tensor = aten::relu(%2)
  %4 : Tensor = aten::add(%2, %3, %one)
  return (%4))IR");
  make_dequantize_explicit(*graph->block());
  EXPECT_EQ(picture_of(*graph),
            "a = aten::quantize_per_tensor(x, 0.02, 128, 13)\n"
            "b = int8graph::dequantize(a, 0.02, 128, 13)\n"
            "c = aten::relu(b)\n"
            "d = int8graph::dequantize(a, 0.02, 128, 13)\n"
            "e = aten::add(d, c, 1)\n"
            "return e\n");
}

TEST(ExplicitDequantize, UnknownParametersLeaveItAsItIs) {
  const auto graph = ir(R"IR(
graph(%q : Tensor):
  %1 : Tensor = aten::dequantize(%q)
  return (%1))IR");
  make_dequantize_explicit(*graph->block());
  EXPECT_EQ(picture_of(*graph),
            "a = aten::dequantize(q)\n"
            "return a\n");
}

TEST(ExplicitDequantize, EachReaderOfAWeightGetsItsOwn) {
  const auto graph = ir(R"IR(
graph(%x : Tensor, %w : Tensor):
  %none : NoneType = prim::Constant()
  %1 : Tensor = aten::dequantize(%w)
  %2 : Tensor = aten::linear(%x, %1, %none)
  %3 : Tensor = aten::linear(%2, %1, %none)
  return (%3))IR",
                        {{"w", int8_weight({4, 4})}});
  make_dequantize_explicit(*graph->block());
  EXPECT_EQ(picture_of(*graph),
            "a = aten::dequantize(tensor)\n"
            "b = aten::linear(x, a, None)\n"
            "c = aten::dequantize(tensor)\n"
            "d = aten::linear(b, c, None)\n"
            "return d\n");
}

}  // namespace
}  // namespace int8graph
