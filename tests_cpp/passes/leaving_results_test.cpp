#include "passes/leaving_results.h"

#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>

#include <vector>

#include "passes/partition_node.h"
#include "testing/fused_graphs.h"
#include "testing/ir.h"

namespace int8graph {
namespace {

/// Which partitions' results leave, in their order.
std::vector<bool> leaving(const std::string& text) {
  const auto graph = ir(text);
  mark_leaving_results(graph);
  std::vector<bool> result;
  for (const torch::jit::Node* node : partitions_of(*graph)) result.push_back(results_leave(*node));
  return result;
}

TEST(LeavingResults, AreThoseOfTheGraph) {
  EXPECT_EQ(leaving(R"IR(
graph(%x : Tensor):
  %a : Tensor = int8graph::partition(%x)
  %b : Tensor = int8graph::partition(%a)
  return (%b)
)IR"),
            (std::vector{false, true}));
}

TEST(LeavingResults, LeaveAsViewsAndInContainers) {
  EXPECT_EQ(leaving(R"IR(
graph(%x : Tensor):
  %one : int = prim::Constant[value=1]()
  %a : Tensor = int8graph::partition(%x)
  %b : Tensor = int8graph::partition(%a)
  %c : Tensor = int8graph::partition(%b)
  %view : Tensor = aten::flatten(%b, %one, %one)
  %list : Tensor[] = prim::ListConstruct(%view, %c)
  %copy : Tensor = aten::relu(%a)
  return (%list, %copy)
)IR"),
            (std::vector{false, true, true}));
}

TEST(LeavingResults, LeaveFromInnerBlocks) {
  EXPECT_EQ(leaving(R"IR(
graph(%x : Tensor, %condition : bool):
  %y : Tensor = prim::If(%condition)
    block0():
      %a : Tensor = int8graph::partition(%x)
      %b : Tensor = int8graph::partition(%a)
      -> (%b)
    block1():
      -> (%x)
  return (%y)
)IR"),
            (std::vector{false, true}));
}

TEST(LeavingResults, AreAllThatNobodyLookedAt) {
  const auto graph = ir(R"IR(
graph(%x : Tensor):
  %a : Tensor = int8graph::partition(%x)
  %b : Tensor = int8graph::partition(%a)
  return (%b)
)IR");
  for (const torch::jit::Node* node : partitions_of(*graph)) EXPECT_TRUE(results_leave(*node));
}

}  // namespace
}  // namespace int8graph
