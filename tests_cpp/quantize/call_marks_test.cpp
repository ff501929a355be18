#include "quantize/call_marks.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/common_subexpression_elimination.h>

#include "testing/ir.h"

namespace int8graph {
namespace {

std::shared_ptr<torch::jit::Graph> equal_calls() {
  return ir(R"IR(
graph(%x : Tensor, %w : Tensor):
  %none : NoneType = prim::Constant()
  %one : int = prim::Constant[value=1]()
  %a : Tensor = aten::linear(%x, %w, %none)
  %b : Tensor = aten::linear(%x, %w, %none)
  %c : Tensor = aten::neg(%a)
  %d : Tensor = aten::neg(%a)
  %e : Tensor = aten::mul(%a, %b)
  %f : Tensor = aten::mul(%c, %d)
  %g : Tensor = aten::add(%e, %f, %one)
  return (%g))IR",
            {{"w", at::ones({4, 4})}});
}

size_t count(torch::jit::Graph& graph, c10::Symbol kind) {
  size_t result = 0;
  for (const torch::jit::Node* node : graph.nodes()) result += node->kind() == kind;
  return result;
}

TEST(CallMarks, EqualCallsOfRecordedOperatorsStayApart) {
  const auto graph = equal_calls();
  mark_calls(graph);
  torch::jit::EliminateCommonSubexpression(graph);
  EXPECT_EQ(count(*graph, c10::aten::linear), 2);
  EXPECT_EQ(count(*graph, c10::aten::neg), 1);
}

TEST(CallMarks, LeaveNothingBehind) {
  const auto graph = equal_calls();
  const std::string before = graph->toString();
  mark_calls(graph);
  EXPECT_NE(graph->toString(), before);
  unmark_calls(graph);
  EXPECT_EQ(graph->toString(), before);
  torch::jit::EliminateCommonSubexpression(graph);
  EXPECT_EQ(count(*graph, c10::aten::linear), 1);
}

}  // namespace
}  // namespace int8graph
