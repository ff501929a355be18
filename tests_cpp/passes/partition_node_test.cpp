#include "passes/partition_node.h"

#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>

namespace int8graph {
namespace {

TEST(PartitionNode, KeepsLayoutsAndReusableInputs) {
  torch::jit::Graph graph;
  torch::jit::Node* node =
      graph.create(partition_symbol(), {graph.addInput(), graph.addInput()}, 2);
  EXPECT_EQ(output_layouts(*node), std::vector(2, OutputLayout::Any));
  EXPECT_EQ(reusable_inputs(*node), (std::vector<bool>{false, false}));
  set_output_layouts(*node, {OutputLayout::Contiguous, OutputLayout::Any});
  set_reusable_inputs(*node, {false, true});
  EXPECT_EQ(output_layouts(*node), (std::vector{OutputLayout::Contiguous, OutputLayout::Any}));
  EXPECT_EQ(reusable_inputs(*node), (std::vector<bool>{false, true}));
}

}  // namespace
}  // namespace int8graph
