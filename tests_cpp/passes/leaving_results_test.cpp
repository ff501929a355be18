#include "passes/leaving_results.h"

#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>

#include <vector>

#include "passes/partition_node.h"
#include "testing/fused_graphs.h"
#include "testing/ir.h"
#include "testing/partition.h"
#include "testing/small_models.h"

namespace int8graph {
namespace {

constexpr const char* kChain = R"IR(
graph(%x : Tensor):
  %a : Tensor = int8graph::partition(%x)
  %b : Tensor = int8graph::partition(%a)
  return (%b)
)IR";

/// Which partitions' results leave, in their order.
std::vector<bool> leaving(const std::string& text) {
  const auto graph = ir(text);
  mark_leaving_results(graph);
  std::vector<bool> result;
  for (const torch::jit::Node* node : partitions_of(*graph)) result.push_back(results_leave(*node));
  return result;
}

TEST(LeavingResults, AreThoseOfTheGraph) {
  EXPECT_EQ(leaving(kChain), (std::vector{false, true}));
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

TEST(LeavingResults, DoNotLieWhereAnInputDid) {
  const auto graph = ir(R"IR(
graph(%x : Tensor):
  %a : Tensor = int8graph::partition(%x)
  %b : Tensor = int8graph::partition(%a)
  %c : Tensor = int8graph::partition(%b)
  return (%c)
)IR");
  const std::vector<torch::jit::Node*> partitions = partitions_of(*graph);
  for (torch::jit::Node* node : partitions) set_reusable_inputs(*node, {true});
  mark_leaving_results(graph);
  EXPECT_EQ(reusable_inputs(*partitions[1]), std::vector{true});
  EXPECT_EQ(reusable_inputs(*partitions[2]), std::vector{false});
}

TEST(LeavingResults, LeaveWithAnInputList) {
  EXPECT_EQ(leaving(R"IR(
graph(%x : Tensor, %list : Tensor[]):
  %a : Tensor = int8graph::partition(%x)
  %b : Tensor = int8graph::partition(%a)
  %c : Tensor[] = aten::append(%list, %a)
  %d : Tensor = aten::relu(%b)
  return (%d)
)IR"),
            (std::vector{true, false}));
}

TEST(LeavingResults, AreMarkedInFusedGraphs) {
  const auto model = small_model("return self.exact_conv2d(torch.relu(self.conv2d(x)))");
  EXPECT_FALSE(results_leave(Partition(model, {small_input(4)}, 0).node()));
  EXPECT_TRUE(results_leave(Partition(model, {small_input(4)}, 1).node()));
}

TEST(LeavingResults, AreAllThatNobodyLookedAt) {
  const auto graph = ir(kChain);
  for (const torch::jit::Node* node : partitions_of(*graph)) EXPECT_TRUE(results_leave(*node));
}

}  // namespace
}  // namespace int8graph
