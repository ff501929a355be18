#include "passes/lone_norms.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/csrc/jit/runtime/interpreter.h>

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

at::Tensor run(const std::shared_ptr<torch::jit::Graph>& graph, const at::Tensor& x) {
  torch::jit::Stack stack = {x};
  torch::jit::InterpreterState(torch::jit::Code(graph, "graph")).run(stack);
  return stack.front().toTensor();
}

TEST(LoneNorms, TheOnePassComputesTheSame) {
  const auto graph = ir(R"IR(
graph(%x : Tensor, %w : Tensor, %gamma : Tensor, %beta : Tensor, %mean : Tensor, %var : Tensor):
  %none : NoneType = prim::Constant()
  %l : int[] = prim::Constant[value=[1, 1]]()
  %one : int = prim::Constant[value=1]()
  %no : bool = prim::Constant[value=0]()
  %f : float = prim::Constant[value=0.1]()
  %c : Tensor = aten::conv2d(%x, %w, %none, %l, %l, %l, %one)
  %n : Tensor = aten::batch_norm(%c, %gamma, %beta, %mean, %var, %no, %f, %f, %no)
  return (%n))IR",
                        {{"w", noise({8, 8, 3, 3})},
                         {"gamma", noise({8}, 2)},
                         {"beta", noise({8}, 3)},
                         {"mean", noise({8}, 4)},
                         {"var", noise({8}, 5).abs()}});
  const at::Tensor x = small_input(4);
  const at::Tensor before = run(graph, x);
  write_lone_norms(*graph->block());
  const at::Tensor after = run(graph, x);
  EXPECT_EQ(after.sizes(), before.sizes());
  EXPECT_TRUE(at::allclose(after, before, 1e-4, 1e-4));
  const torch::jit::Node& pass = *find_node(*graph, "aten::addcmul");
  for (const size_t factor : {0, 2}) {
    const at::Tensor constant = torch::jit::toIValue(pass.input(factor))->toTensor();
    EXPECT_EQ(constant.sizes(), at::IntArrayRef({8, 1, 1}));
  }
}

}  // namespace
}  // namespace int8graph
