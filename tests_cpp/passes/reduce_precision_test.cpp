#include "passes/reduce_precision.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>

#include "ops/graph_walk.h"
#include "ops/operator_table.h"
#include "testing/ir.h"
#include "testing/small_models.h"

namespace int8graph {
namespace {

namespace jit = torch::jit;

/// Lets every compute operator be reduced. %w and %v are weights [4, 4], %v in int8; %f is a
/// constant [4].
std::string reduced(const std::string& body, c10::ScalarType dtype = c10::kBFloat16) {
  auto graph = ir(R"IR(
graph(%x : Tensor, %y : Tensor, %q : Tensor, %w : Tensor, %v : Tensor, %f : Tensor):
  %none : NoneType = prim::Constant()
  %one : int = prim::Constant[value=1]()
  %float : int = prim::Constant[value=6]()
  %s : float = prim::Constant[value=0.5]()
  %true : bool = prim::Constant[value=1]()
  %approximate : str = prim::Constant[value="none"]()
  %d : Tensor = aten::dequantize(%q)
  %w8 : Tensor = aten::dequantize(%v)
)IR" + body,
                  {{"w", noise({4, 4})}, {"v", int8_weight({4, 4})}, {"f", noise({4})}});
  FloatingNodes floating;
  for_each_node(*graph->block(), [&](const jit::Node& node) {
    const Operator* row = find_operator(node);
    if (row != nullptr && row->is_compute()) floating.insert(&node);
  });
  reduce_precision(graph, dtype, floating);
  graph->lint();
  return picture_of(*graph);
}

const std::string kCast = ", 15, False, False, None)\n";
const std::string kWiden = ", 6, False, False, None)\n";

TEST(ReducePrecision, ALayerThatIsNotInInt8ReadsAndMakesBFloat16) {
  EXPECT_EQ(reduced("  %a : Tensor = aten::linear(%x, %w, %f)\n"
                    "  %b : Tensor = aten::relu(%a)\n"
                    "  return (%b)"),
            "a = aten::to(x" + kCast +
                "b = aten::linear(a, tensor, tensor)\n"
                "c = aten::relu(b)\n"
                "return c\n");
}

TEST(ReducePrecision, OrFloat16) {
  EXPECT_EQ(reduced("  %a : Tensor = aten::linear(%x, %w, %f)\n"
                    "  return (%a)",
                    c10::kHalf),
            "a = aten::to(x, 5, False, False, None)\n"
            "b = aten::linear(a, tensor, tensor)\n"
            "return b\n");
}

TEST(ReducePrecision, WeightsAreCastOnce) {
  auto graph = ir(R"IR(
graph(%x : Tensor, %w : Tensor):
  %none : NoneType = prim::Constant()
  %a : Tensor = aten::linear(%x, %w, %none)
  return (%a))IR",
                  {{"w", noise({4, 4})}});
  reduce_precision(graph, c10::kBFloat16, layers_of(*graph));
  const auto weight = jit::toIValue(find_node(*graph, "aten::linear")->input(1))->toTensor();
  EXPECT_TRUE(at::equal(weight, noise({4, 4}).to(c10::kBFloat16)));
}

TEST(ReducePrecision, WhatFollowsAnInt8OperatorIsCastBehindWhatFuses) {
  EXPECT_EQ(reduced("  %a : Tensor = aten::linear(%d, %w8, %f)\n"
                    "  %b : Tensor = aten::gelu(%a, %approximate)\n"
                    "  %c : Tensor = aten::softmax(%b, %one, %none)\n"
                    "  return (%c)"),
            "a = aten::dequantize(q)\n"
            "b = aten::dequantize(tensor)\n"
            "c = aten::linear(a, b, tensor)\n"
            "d = aten::gelu(c, none)\n"
            "e = aten::to(d" +
                kCast +
                "f = aten::softmax(e, 1, None)\n"
                "return f\n");
}

TEST(ReducePrecision, TheWayToAQuantizerStaysInFp32) {
  const std::string picture = reduced(
      "  %a : Tensor = aten::linear(%d, %w8, %f)\n"
      "  %b : Tensor = aten::softmax(%a, %one, %none)\n"
      "  %i : int = prim::Constant[value=13]()\n"
      "  %c : Tensor = aten::quantize_per_tensor(%b, %s, %one, %i)\n"
      "  return (%c)");
  EXPECT_EQ(picture.find("aten::to"), std::string::npos) << picture;
}

TEST(ReducePrecision, SoDoesEachPartThatIsQuantized) {
  const std::string picture = reduced(
      "  %a : Tensor = aten::linear(%d, %w8, %f)\n"
      "  %l : Tensor[] = aten::chunk(%a, %one, %one)\n"
      "  %b : Tensor = prim::ListUnpack(%l)\n"
      "  %i : int = prim::Constant[value=13]()\n"
      "  %c : Tensor = aten::quantize_per_tensor(%b, %s, %one, %i)\n"
      "  return (%c)");
  EXPECT_EQ(picture.find("aten::to"), std::string::npos) << picture;
}

TEST(ReducePrecision, AQuantizerIsGivenFp32) {
  EXPECT_EQ(reduced("  %a : Tensor = aten::linear(%x, %w, %f)\n"
                    "  %b : Tensor = aten::relu(%a)\n"
                    "  %i : int = prim::Constant[value=13]()\n"
                    "  %c : Tensor = aten::quantize_per_tensor(%b, %s, %one, %i)\n"
                    "  return (%c)"),
            "a = aten::to(x" + kCast +
                "b = aten::linear(a, tensor, tensor)\n"
                "c = aten::relu(b)\n"
                "d = aten::to(c" +
                kWiden +
                "e = aten::quantize_per_tensor(d, 0.5, 1, 13)\n"
                "return e\n");
}

TEST(ReducePrecision, ASumWithFp32IsFp32) {
  EXPECT_EQ(reduced("  %a : Tensor = aten::linear(%x, %w, %f)\n"
                    "  %b : Tensor = aten::add(%a, %y, %one)\n"
                    "  return (%b)"),
            "a = aten::to(x" + kCast +
                "b = aten::linear(a, tensor, tensor)\n"
                "c = aten::to(b" +
                kWiden +
                "d = aten::add(c, y, 1)\n"
                "return d\n");
}

TEST(ReducePrecision, AListIsOfOneDtype) {
  EXPECT_EQ(reduced("  %a : Tensor = aten::linear(%x, %w, %f)\n"
                    "  %l : Tensor[] = prim::ListConstruct(%a, %y)\n"
                    "  %b : Tensor = aten::cat(%l, %one)\n"
                    "  return (%b)"),
            "a = aten::to(x" + kCast +
                "b = aten::linear(a, tensor, tensor)\n"
                "c = aten::to(b" +
                kWiden +
                "d = prim::ListConstruct(c, y)\n"
                "e = aten::cat(d, 1)\n"
                "return e\n");
}

TEST(ReducePrecision, UnknownOperatorsReadFp32) {
  EXPECT_EQ(reduced("  %a : Tensor = aten::linear(%x, %w, %f)\n"
                    "  %b : Tensor = aten::cumsum(%a, %one, %none)\n"
                    "  %l : Tensor[] = prim::ListConstruct(%a, %b)\n"
                    "  %c : Tensor = aten::stack(%l, %one)\n"
                    "  return (%c)"),
            "a = aten::to(x" + kCast +
                "b = aten::linear(a, tensor, tensor)\n"
                "c = aten::to(b" +
                kWiden +
                "d = aten::cumsum(c, 1, None)\n"
                "e = prim::ListConstruct(c, d)\n"
                "f = aten::stack(e, 1)\n"
                "return f\n");
}

TEST(ReducePrecision, WhatAsksForADtypeGetsFp32) {
  EXPECT_EQ(reduced("  %a : Tensor = aten::linear(%x, %w, %f)\n"
                    "  %b : Tensor = aten::softmax(%a, %one, %float)\n"
                    "  return (%b)"),
            "a = aten::to(x" + kCast +
                "b = aten::linear(a, tensor, tensor)\n"
                "c = aten::to(b" +
                kWiden +
                "d = aten::softmax(c, 1, 6)\n"
                "return d\n");
}

TEST(ReducePrecision, SizesAreReadOfAnyDtype) {
  EXPECT_EQ(reduced("  %a : Tensor = aten::linear(%x, %w, %f)\n"
                    "  %n : int[] = aten::size(%a)\n"
                    "  %b : Tensor = aten::view(%a, %n)\n"
                    "  return (%b)"),
            "a = aten::to(x" + kCast +
                "b = aten::linear(a, tensor, tensor)\n"
                "c = aten::size(b)\n"
                "d = aten::view(b, c)\n"
                "return d\n");
}

TEST(ReducePrecision, WhatIsReturnedInATupleIsReduced) {
  EXPECT_EQ(reduced("  %a : Tensor = aten::linear(%d, %w8, %f)\n"
                    "  %t : (Tensor, Tensor) = prim::TupleConstruct(%a, %y)\n"
                    "  return (%t)"),
            "a = aten::dequantize(q)\n"
            "b = aten::dequantize(tensor)\n"
            "c = aten::linear(a, b, tensor)\n"
            "d = aten::to(c" +
                kCast +
                "e = prim::TupleConstruct(d, y)\n"
                "return e\n");
}

TEST(ReducePrecision, BranchesReturnFp32) {
  EXPECT_EQ(reduced("  %a : Tensor = prim::If(%true)\n"
                    "    block0():\n"
                    "      %b : Tensor = aten::linear(%x, %w, %f)\n"
                    "      -> (%b)\n"
                    "    block1():\n"
                    "      -> (%x)\n"
                    "  return (%a)"),
            "a = aten::to(x" + kCast +
                "b = aten::linear(a, tensor, tensor)\n"
                "c = aten::to(b" +
                kWiden + "return c\n");
}

TEST(ReducePrecision, AWeightThatIsComputedIsCastToo) {
  EXPECT_EQ(reduced("  %a : Tensor = aten::linear(%x, %y, %f)\n"
                    "  return (%a)"),
            "a = aten::to(y" + kCast + "b = aten::to(x" + kCast +
                "c = aten::linear(b, a, tensor)\n"
                "return c\n");
}

TEST(ReducePrecision, AnExponentInFp32MakesFp32) {
  EXPECT_EQ(reduced("  %a : Tensor = aten::linear(%x, %w, %f)\n"
                    "  %b : Tensor = aten::pow(%a, %f)\n"
                    "  %c : Tensor = aten::linear(%b, %w, %f)\n"
                    "  return (%c)"),
            "a = aten::to(x" + kCast +
                "b = aten::linear(a, tensor, tensor)\n"
                "c = aten::to(b" +
                kWiden +
                "d = aten::pow(c, tensor)\n"
                "e = aten::to(d" +
                kCast +
                "f = aten::linear(e, tensor, tensor)\n"
                "return f\n");
}

TEST(ReducePrecision, WhatIsTakenFromAListIsFp32) {
  EXPECT_EQ(reduced("  %a : Tensor = aten::linear(%x, %w, %f)\n"
                    "  %l : Tensor[] = aten::chunk(%a, %one, %one)\n"
                    "  %b : Tensor = aten::__getitem__(%l, %one)\n"
                    "  return (%b)"),
            "a = aten::to(x" + kCast +
                "b = aten::linear(a, tensor, tensor)\n"
                "c = aten::to(b" +
                kWiden +
                "d = aten::chunk(c, 1, 1)\n"
                "e = aten::__getitem__(d, 1)\n"
                "return e\n");
}

TEST(ReducePrecision, MasksAndWeightsOfNormsHaveNoSay) {
  const std::string picture = reduced(
      "  %a : Tensor = aten::linear(%x, %w, %f)\n"
      "  %n : int[] = prim::Constant[value=[4]]()\n"
      "  %b : Tensor = aten::layer_norm(%a, %n, %f, %f, %s, %true)\n"
      "  %c : Tensor = aten::masked_fill(%b, %y, %s)\n"
      "  return (%c)");
  EXPECT_EQ(picture.find(kWiden), std::string::npos) << picture;
}

TEST(ReducePrecision, WhatIsWrittenToStaysAsItIs) {
  const std::string picture = reduced(
      "  %a : Tensor = aten::linear(%x, %w, %f)\n"
      "  %b : Tensor = aten::fill_(%a, %one)\n"
      "  return (%a)");
  EXPECT_EQ(picture.find("aten::to"), std::string::npos) << picture;
}

TEST(ReducePrecision, OnlyNodesThatComputeWithFloatsForSure) {
  auto graph = ir(R"IR(
graph(%x : Tensor, %y : Tensor):
  %a : Tensor = aten::matmul(%x, %y)
  return (%a))IR");
  const std::string before = picture_of(*graph);
  reduce_precision(graph, c10::kBFloat16, layers_of(*graph));
  EXPECT_EQ(picture_of(*graph), before);
}

}  // namespace
}  // namespace int8graph
