#include "passes/remove_autocast.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/autocast.h>

#include "config/autocast.h"
#include "testing/ir.h"
#include "testing/small_models.h"

namespace int8graph {
namespace {

namespace jit = torch::jit;

TEST(RemoveAutocast, TakesOutWhatPyTorchWritesIntoAGraph) {
  const auto graph = ir(R"IR(
graph(%x : Tensor, %w : Tensor, %n : NoneType):
  %y : Tensor = aten::linear(%x, %w, %n)
  %z : Tensor = aten::div(%y, %x)
  return (%z))IR");
  const std::string before = picture_of(*graph);
  {
    const AutocastScope autocast(c10::kBFloat16);
    jit::Autocast(graph);
  }
  EXPECT_NE(picture_of(*graph).find("_autocast_to_reduced_precision"), std::string::npos);
  EXPECT_NE(picture_of(*graph).find("_autocast_to_full_precision"), std::string::npos);
  remove_autocast(*graph->block());
  EXPECT_EQ(picture_of(*graph), before);
}

TEST(RemoveAutocast, MakesTheBiasesOfInt8OperatorsFp32Again) {
  const at::Tensor reduced = noise({4}).to(c10::kBFloat16);
  const auto graph =
      ir(R"IR(
graph(%q : Tensor, %w : Tensor, %b : Tensor, %l : Tensor, %no : bool, %yes : bool, %c : int):
  %d : Tensor = aten::dequantize(%q)
  %e : Tensor = aten::_autocast_to_reduced_precision(%d, %no, %yes, %c, %c)
  %v : Tensor = aten::dequantize(%w)
  %y : Tensor = aten::linear(%e, %v, %b)
  %z : Tensor = aten::linear(%y, %l, %b)
  return (%z))IR",
         {{"w", int8_weight({4, 4})}, {"b", reduced}, {"l", noise({4, 4}).to(c10::kBFloat16)}});
  remove_autocast(*graph->block());
  std::vector<at::Tensor> biases;
  for (jit::Node* node : graph->nodes()) {
    if (node->kind() == c10::aten::linear) {
      biases.push_back(jit::toIValue(node->input(2))->toTensor());
    }
  }
  EXPECT_EQ(biases.at(0).scalar_type(), c10::kFloat);
  EXPECT_TRUE(at::equal(biases.at(0), reduced.to(c10::kFloat)));
  EXPECT_EQ(biases.at(1).scalar_type(), c10::kBFloat16);
}

TEST(RemoveAutocast, AlsoBehindPadding) {
  const auto graph = ir(R"IR(
graph(%q : Tensor, %w : Tensor, %b : Tensor, %no : bool, %yes : bool, %c : int):
  %one : int[] = prim::Constant[value=[1, 1]]()
  %pads : int[] = prim::Constant[value=[1, 1, 0, 0]]()
  %mode : str = prim::Constant[value="constant"]()
  %zero : float = prim::Constant[value=0.]()
  %groups : int = prim::Constant[value=1]()
  %d : Tensor = aten::dequantize(%q)
  %p : Tensor = aten::pad(%d, %pads, %mode, %zero)
  %e : Tensor = aten::_autocast_to_reduced_precision(%p, %no, %yes, %c, %c)
  %v : Tensor = aten::dequantize(%w)
  %y : Tensor = aten::conv2d(%e, %v, %b, %one, %one, %one, %groups)
  return (%y))IR",
                        {{"w", int8_weight({4, 4, 3, 3})}, {"b", noise({4}).to(c10::kBFloat16)}});
  remove_autocast(*graph->block());
  const auto bias = jit::toIValue(find_node(*graph, "aten::conv2d")->input(2))->toTensor();
  EXPECT_EQ(bias.scalar_type(), c10::kFloat);
}

}  // namespace
}  // namespace int8graph
