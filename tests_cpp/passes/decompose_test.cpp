#include "passes/decompose.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>

#include "testing/ir.h"

namespace int8graph {
namespace {

std::string scaled(const std::string& producer, const std::string& operation) {
  return R"IR(
graph(%x : Tensor, %w : Tensor):
  %none : NoneType = prim::Constant()
  %one : int = prim::Constant[value=1]()
  %c : float = prim::Constant[value=0.125]()
  %y : Tensor = )IR" +
         producer + R"IR(
  %z : Tensor = )IR" +
         operation + R"IR(
  return (%z))IR";
}

c10::IValue second_argument(torch::jit::Graph& graph, const std::string& kind) {
  return *torch::jit::toIValue(find_node(graph, kind)->input(1));
}

TEST(Decompose, SiluBehindALayerBecomesAProduct) {
  const auto graph = ir(scaled("aten::linear(%x, %w, %none)", "aten::silu(%y)"));
  decompose(graph);
  EXPECT_EQ(picture_of(*graph),
            "a = aten::linear(x, w, None)\n"
            "b = aten::sigmoid(a)\n"
            "c = aten::mul(a, b)\n"
            "return c\n");
}

TEST(Decompose, SiluBehindASumWithALayerBecomesAProductToo) {
  for (const char* sum : {"aten::add(%y, %x, %one)", "aten::add(%x, %y, %one)"}) {
    const auto graph = ir(scaled("aten::linear(%x, %w, %none)",
                                 std::string(sum) + "\n  %s : Tensor = aten::silu(%z)"));
    decompose(graph);
    EXPECT_EQ(picture_of(*graph).find("silu"), std::string::npos) << picture_of(*graph);
  }
}

TEST(Decompose, SiluBehindAnythingElseStays) {
  const auto graph = ir(scaled("aten::sort(%x)", "aten::silu(%y)"));
  const std::string before = graph->toString();
  decompose(graph);
  EXPECT_EQ(graph->toString(), before);
}

TEST(Decompose, ProductsOfIntegersMayBeSuch) {
  const auto graph = ir(scaled("aten::bmm(%x, %w)", "aten::add(%y, %one, %one)"));
  const std::string before = graph->toString();
  decompose(graph);
  EXPECT_EQ(graph->toString(), before);
}

TEST(Decompose, ANumberBehindALayerBecomesATensor) {
  for (const char* operation :
       {"aten::mul(%y, %c)", "aten::div(%y, %c)", "aten::add(%y, %c, %one)"}) {
    const auto graph = ir(scaled("aten::linear(%x, %w, %none)", operation));
    decompose(graph);
    const std::string kind = std::string(operation).substr(0, 9);
    const c10::IValue number = second_argument(*graph, kind);
    ASSERT_TRUE(number.isTensor()) << operation;
    EXPECT_TRUE(at::equal(number.toTensor(), at::full({1}, 0.125)));
  }
}

TEST(Decompose, ANumberThatTracingWroteAsATensorBecomesAFloat) {
  for (const at::Tensor& traced :
       {at::scalar_tensor(3, at::kLong), at::scalar_tensor(3, at::kDouble)}) {
    const auto graph = ir(R"IR(
graph(%x : Tensor, %w : Tensor, %c : Tensor):
  %none : NoneType = prim::Constant()
  %one : int = prim::Constant[value=1]()
  %y : Tensor = aten::linear(%x, %w, %none)
  %z : Tensor = aten::add(%y, %c, %one)
  return (%z))IR",
                          {{"c", traced}});
    decompose(graph);
    const at::Tensor number = second_argument(*graph, "aten::add").toTensor();
    EXPECT_TRUE(at::equal(number, at::full({1}, 3.0F)));
  }
}

TEST(Decompose, ANumberBeforeALayersResultGoesBehindIt) {
  for (const char* operation : {"aten::mul(%c, %y)", "aten::add(%c, %y, %one)"}) {
    const auto graph = ir(R"IR(
graph(%x : Tensor, %w : Tensor, %c : Tensor):
  %none : NoneType = prim::Constant()
  %one : int = prim::Constant[value=1]()
  %y : Tensor = aten::linear(%x, %w, %none)
  %z : Tensor = )IR" + std::string(operation) +
                              "\n  return (%z)",
                          {{"c", at::scalar_tensor(1.5, at::kDouble)}});
    decompose(graph);
    const at::Tensor number =
        second_argument(*graph, std::string(operation).substr(0, 9)).toTensor();
    EXPECT_TRUE(at::equal(number, at::full({1}, 1.5F))) << operation;
  }
}

TEST(Decompose, ANumberBehindWhatIsComputedFromALayerBecomesATensor) {
  const auto graph = ir(R"IR(
graph(%x : Tensor, %w : Tensor):
  %none : NoneType = prim::Constant()
  %one : int = prim::Constant[value=1]()
  %c : float = prim::Constant[value=0.125]()
  %y : Tensor = aten::linear(%x, %w, %none)
  %z : Tensor = aten::relu(%y)
  %d : Tensor = aten::sub(%z, %c, %one)
  return (%d))IR");
  decompose(graph);
  const c10::IValue number = second_argument(*graph, "aten::sub");
  ASSERT_TRUE(number.isTensor());
  EXPECT_TRUE(at::equal(number.toTensor(), at::full({1}, 0.125)));
}

TEST(Decompose, ADifferenceFromALayersResultBecomesASum) {
  for (const char* operation : {"aten::sub(%x, %y, %one)", "aten::rsub(%y, %x, %one)"}) {
    const auto graph = ir(scaled("aten::linear(%x, %w, %none)", operation));
    decompose(graph);
    EXPECT_EQ(picture_of(*graph),
              "a = aten::linear(x, w, None)\n"
              "b = aten::mul(a, tensor)\n"
              "c = aten::add(b, x, 1)\n"
              "return c\n")
        << operation;
    EXPECT_EQ(second_argument(*graph, "aten::mul").toTensor().item<double>(), -1);
  }
}

TEST(Decompose, ADifferenceOfAnythingElseStays) {
  const auto graph = ir(scaled("aten::relu(%x)", "aten::rsub(%y, %c, %one)"));
  decompose(graph);
  EXPECT_EQ(picture_of(*graph),
            "a = aten::relu(x)\n"
            "b = aten::rsub(a, 0.125, 1)\n"
            "return b\n");
}

TEST(Decompose, OneSlopeForAllChannelsIsALeakyRelu) {
  const auto graph = ir(R"IR(
graph(%x : Tensor, %one : Tensor, %many : Tensor):
  %y : Tensor = aten::prelu(%x, %one)
  %z : Tensor = aten::prelu(%y, %many)
  return (%z))IR",
                        {{"one", at::full({1}, 0.25)}, {"many", at::full({8}, 0.25)}});
  decompose(graph);
  EXPECT_EQ(picture_of(*graph),
            "a = aten::leaky_relu(x, 0.25)\n"
            "b = aten::prelu(a, tensor)\n"
            "return b\n");
}

TEST(Decompose, ANumberBehindAnythingElseMayMeetAnIntTensor) {
  const auto graph = ir(scaled("aten::relu(%x)", "aten::mul(%y, %c)"));
  decompose(graph);
  EXPECT_TRUE(second_argument(*graph, "aten::mul").isDouble());
}

TEST(Decompose, ANumberBeforeANumberStays) {
  const auto graph = ir(R"IR(
graph(%x : Tensor, %c : Tensor):
  %one : int = prim::Constant[value=1]()
  %n : int = aten::size(%x, %one)
  %z : Tensor = aten::mul(%c, %n)
  return (%z))IR",
                        {{"c", at::scalar_tensor(3.0)}});
  const std::string before = graph->toString();
  decompose(graph);
  EXPECT_EQ(graph->toString(), before);
}

TEST(Decompose, ArithmeticOnNumbersStays) {
  const auto graph = ir(R"IR(
graph(%a : int):
  %two : int = prim::Constant[value=2]()
  %b : int = aten::mul(%a, %two)
  return (%b))IR");
  decompose(graph);
  EXPECT_TRUE(second_argument(*graph, "aten::mul").isInt());
}

}  // namespace
}  // namespace int8graph
