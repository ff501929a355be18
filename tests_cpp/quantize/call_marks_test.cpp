#include "quantize/call_marks.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/common_subexpression_elimination.h>

#include "ops/graph_walk.h"
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

/// Which of the recorded calls of a model with a branch the example does not run.
std::vector<bool> idle_calls(bool flag) {
  torch::jit::Module module("branches");
  module.define(R"(
def forward(self, x, flag: bool):
    y = torch.matmul(x, x)
    if flag:
        y = torch.cat([torch.matmul(y, x), x])
    else:
        y = torch.cat([x, torch.matmul(x, y)])
    return y
)");
  const auto graph = module.get_method("forward").graph();
  mark_calls(graph);
  mark_idle_calls(graph, module, {at::ones({4, 4}), flag});
  std::vector<bool> idle;
  for_each_node(*graph->block(), [&](const torch::jit::Node& node) {
    if (node.kind() == c10::aten::matmul || node.kind() == c10::aten::cat) {
      idle.push_back(is_idle(node));
    }
  });
  unmark_calls(graph);
  EXPECT_FALSE(any_node(*graph->block(), is_idle));
  return idle;
}

TEST(CallMarks, TellWhichBranchTheExampleDoesNotTake) {
  EXPECT_EQ(idle_calls(true), (std::vector<bool>{false, false, false, true, true}));
  EXPECT_EQ(idle_calls(false), (std::vector<bool>{false, true, true, false, false}));
}

}  // namespace
}  // namespace int8graph
