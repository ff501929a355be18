#include "ops/activations.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>

#include "ops/operator_table.h"
#include "testing/ir.h"

namespace int8graph {
namespace {

/// The names of the values that the one node `kind` reads as activations.
std::string activations(const std::shared_ptr<torch::jit::Graph>& graph, const std::string& kind) {
  torch::jit::Node* node = find_node(*graph, kind);
  std::string text;
  for (const ActivationUse& use : activations_of(*node, *find_operator(*node))) {
    text += (text.empty() ? "" : " ") + use.value()->debugName();
  }
  return text;
}

TEST(ActivationsOf, LeaveWeightsAndNumbersOut) {
  const auto graph = ir(R"IR(
graph(%x : Tensor, %y : Tensor, %w : Tensor, %scalar : Float()):
  %none : NoneType = prim::Constant()
  %one : int = prim::Constant[value=1]()
  %a : Tensor = aten::linear(%x, %w, %none)
  %b : Tensor = aten::add(%x, %y, %one)
  %c : Tensor = aten::mul(%x, %one)
  %d : Tensor = aten::div(%x, %scalar)
  %r : (Tensor, Tensor, Tensor, Tensor) = prim::TupleConstruct(%a, %b, %c, %d)
  return (%r))IR");
  EXPECT_EQ(activations(graph, "aten::linear"), "x");
  EXPECT_EQ(activations(graph, "aten::add"), "x y");
  EXPECT_EQ(activations(graph, "aten::mul"), "x");
  EXPECT_EQ(activations(graph, "aten::div"), "x");
}

TEST(ActivationsOf, ConstantTensorsCountByTheirDimensions) {
  const auto sum = [](const at::Tensor& constant) {
    return ir(R"IR(
graph(%x : Tensor, %k : Tensor):
  %one : int = prim::Constant[value=1]()
  %b : Tensor = aten::add(%x, %k, %one)
  return (%b))IR",
              {{"k", constant}});
  };
  const auto vector = sum(at::ones({3}));
  const auto number = sum(at::scalar_tensor(3));
  const Operator& row = *find_operator("aten::add");
  EXPECT_EQ(activations_of(*find_node(*vector, "aten::add"), row).size(), 2);
  EXPECT_EQ(activations_of(*find_node(*number, "aten::add"), row).size(), 1);
}

TEST(ActivationsOf, AListStandsForItsElements) {
  const auto graph = ir(R"IR(
graph(%x : Tensor, %y : Tensor):
  %one : int = prim::Constant[value=1]()
  %l : Tensor[] = prim::ListConstruct(%x, %y, %x)
  %c : Tensor = aten::cat(%l, %one)
  return (%c))IR");
  EXPECT_EQ(activations(graph, "aten::cat"), "x y x");
  torch::jit::Node* cat = find_node(*graph, "aten::cat");
  const auto uses = activations_of(*cat, *find_operator(*cat));
  EXPECT_EQ(uses[2].reader->kind(), c10::prim::ListConstruct);
  EXPECT_EQ(uses[2].offset, 2);
}

TEST(ActivationsOf, TheQuantizerOfAPaddedConvolutionStandsBeforeThePadding) {
  const auto graph = ir(R"IR(
graph(%x : Tensor, %w : Tensor):
  %none : NoneType = prim::Constant()
  %one : int = prim::Constant[value=1]()
  %l : int[] = prim::Constant[value=[1, 1]]()
  %pads : int[] = prim::Constant[value=[0, 1, 0, 1]]()
  %mode : str = prim::Constant[value="constant"]()
  %p : Tensor = aten::pad(%x, %pads, %mode, %none)
  %c : Tensor = aten::conv2d(%p, %w, %none, %l, %l, %l, %one)
  return (%c))IR",
                        {{"w", at::ones({4, 4, 3, 3})}});
  EXPECT_EQ(activations(graph, "aten::conv2d"), "x");
}

}  // namespace
}  // namespace int8graph
