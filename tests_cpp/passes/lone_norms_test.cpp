#include "passes/lone_norms.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>

#include "testing/ir.h"
#include "testing/small_models.h"

namespace int8graph {
namespace {

std::string written(const std::string& producer) {
  const auto graph =
      ir(R"IR(
graph(%x : Tensor, %w : Tensor, %a : Tensor, %v : Tensor):
  %none : NoneType = prim::Constant()
  %l : int[] = prim::Constant[value=[1, 1]]()
  %one : int = prim::Constant[value=1]()
  %no : bool = prim::Constant[value=0]()
  %f : float = prim::Constant[value=0.1]()
  %c : Tensor = )IR" +
             producer +
             R"IR(
  %n : Tensor = aten::batch_norm(%c, %a, %a, %a, %a, %no, %f, %f, %no)
  return (%n))IR",
         {{"a", noise({8}).abs()}, {"w", noise({8, 8, 3, 3})}, {"v", noise({4, 8, 3, 3})}});
  write_lone_norms(*graph->block());
  torch::jit::EliminateDeadCode(graph);
  return picture_of(*graph);
}

TEST(LoneNorms, ANormBecomesOnePass) {
  EXPECT_EQ(written("aten::conv2d(%x, %w, %none, %l, %l, %l, %one)"),
            "a = aten::conv2d(x, tensor, None, [1, 1], [1, 1], [1, 1], 1)\n"
            "b = aten::addcmul(tensor, a, tensor, 1)\n"
            "return b\n");
}

TEST(LoneNorms, ANormOfUnknownRankStays) {
  const auto stays = [](const std::string& producer) {
    return written(producer).find("aten::batch_norm") != std::string::npos;
  };
  EXPECT_TRUE(stays("aten::tanh(%x)"));
  EXPECT_TRUE(stays("aten::conv2d(%x, %v, %none, %l, %l, %l, %one)"));  // without a batch
  EXPECT_TRUE(stays("aten::adaptive_avg_pool2d(%x, %l)"));
}

}  // namespace
}  // namespace int8graph
