#include "executor/attention_plan.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>

#include "passes/partition_node.h"
#include "testing/ir.h"

namespace int8graph {
namespace {

/// An attention that does `arithmetic` to its %scores, which makes %m.
std::optional<AttentionGraph> graph_of(const std::string& arithmetic) {
  const auto graph = ir(R"IR(
graph(%value : Tensor, %mask : Tensor, %key : Tensor, %query : Tensor, %half : Tensor,
      %wide : Tensor):
  %s : float = prim::Constant[value=0.02]()
  %z : int = prim::Constant[value=0]()
  %u8 : int = prim::Constant[value=13]()
  %s8 : int = prim::Constant[value=12]()
  %one : int = prim::Constant[value=1]()
  %last : int = prim::Constant[value=-1]()
  %none : NoneType = prim::Constant()
  %q : Tensor = int8graph::dequantize(%query, %s, %z, %u8)
  %k : Tensor = int8graph::dequantize(%key, %s, %z, %s8)
  %v : Tensor = int8graph::dequantize(%value, %s, %z, %s8)
  %scores : Tensor = aten::matmul(%q, %k)
  )IR" + arithmetic + R"IR(
  %p : Tensor = aten::softmax(%m, %last, %none)
  %i : Tensor = aten::quantize_per_tensor(%p, %s, %z, %u8)
  %a : Tensor = int8graph::dequantize(%i, %s, %z, %u8)
  %r : Tensor = aten::matmul(%a, %v)
  %o : Tensor = aten::quantize_per_tensor(%r, %s, %z, %s8)
  return (%o)
)IR",
                        {{"half", at::full({}, 0.5F)}, {"wide", at::ones({2, 1, 1})}});
  return attention_graph(*graph);
}

std::optional<AttentionPlan> plan_of(const std::string& arithmetic) {
  return attention_plan(graph_of(arithmetic).value());
}

TEST(AttentionPlan, NamesTheArgumentsOfTheWhole) {
  const auto plan = plan_of("%m : Tensor = aten::add(%scores, %mask, %one)");
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->scores.source.argument, 3);
  EXPECT_EQ(plan->scores.second.argument, 2);
  ASSERT_EQ(plan->scores.post_ops.size(), 1);
  EXPECT_EQ(plan->scores.post_ops[0].argument, 1);
  EXPECT_EQ(plan->scores.quantizer, nullptr);
  EXPECT_EQ(plan->softmax.axis, -1);
  EXPECT_EQ(plan->softmax.quantizer->scalar_type(), at::kQUInt8);
  EXPECT_EQ(plan->mean.second.argument, 0);
  EXPECT_EQ(plan->mean.quantizer->scalar_type(), at::kQInt8);
}

TEST(AttentionGraph, HasItsPartsAsPartitions) {
  const auto graph = graph_of("%m : Tensor = aten::mul(%scores, %half)");
  ASSERT_TRUE(graph);
  const auto name = [](const torch::jit::Node* part) {
    return partition_name(*part->g(c10::attr::Subgraph));
  };
  EXPECT_EQ(name(graph->scores), "dequantize+dequantize+matmul+mul");
  EXPECT_EQ(name(graph->softmax), "softmax+quantize");
  EXPECT_EQ(name(graph->mean), "dequantize+dequantize+matmul+quantize");
  EXPECT_EQ(graph->whole->inputs().size(), 4);
}

TEST(AttentionPlan, TakesConstantOperands) {
  const auto plan = plan_of("%m : Tensor = aten::add(%scores, %wide, %one)");
  ASSERT_TRUE(plan);
  EXPECT_TRUE(plan->scores.post_ops.at(0).constant.defined());
}

TEST(AttentionGraph, IsOfNothingElse) {
  EXPECT_FALSE(
      graph_of("%t : Tensor = aten::relu(%mask)\n  %m : Tensor = aten::add(%scores, %t, %one)"));
}

TEST(AttentionPlan, LeavesPartsThatNoPrimitiveRuns) {
  const std::string branch =
      "%t : Tensor = aten::mul(%scores, %half)\n  %m : Tensor = aten::add(%t, %scores, %one)";
  ASSERT_TRUE(graph_of(branch));
  EXPECT_FALSE(plan_of(branch));
}

}  // namespace
}  // namespace int8graph
