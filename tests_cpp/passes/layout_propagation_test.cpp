#include "passes/layout_propagation.h"

#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>

#include "passes/partition_node.h"
#include "testing/ir.h"

namespace int8graph {
namespace {

namespace jit = torch::jit;

/// Turns the node of that kind into a partition.
jit::Node* as_partition(jit::Graph& graph, const std::string& kind) {
  jit::Node* node = find_node(graph, kind);
  jit::Node* partition = node->replaceWithNewSymbol(partition_symbol());
  partition->g_(c10::attr::Subgraph, std::make_shared<jit::Graph>());
  node->destroy();
  return partition;
}

constexpr OutputLayout kAny = OutputLayout::Any;
constexpr OutputLayout kContiguous = OutputLayout::Contiguous;

TEST(LayoutPropagation, WhatLeavesTheGraphIsContiguousAndPartitionsMayOverwriteEachOther) {
  const auto graph = ir(R"IR(
graph(%x : Tensor):
  %1 : Tensor = aten::relu(%x)
  %2 : Tensor = aten::sigmoid(%1)
  %3 : Tensor = aten::tanh(%2)
  %4 : Tensor = aten::neg(%3)
  return (%4))IR");
  // tanh stays with PyTorch
  const std::vector<jit::Node*> partitions = {as_partition(*graph, "aten::relu"),
                                              as_partition(*graph, "aten::sigmoid"),
                                              as_partition(*graph, "aten::neg")};
  propagate_layouts(*graph->block());
  EXPECT_EQ(output_layouts(*partitions[0]), std::vector{kAny});
  EXPECT_EQ(output_layouts(*partitions[1]), std::vector{kAny});
  EXPECT_EQ(output_layouts(*partitions[2]), std::vector{kContiguous});
  EXPECT_EQ(reusable_inputs(*partitions[0]), std::vector{false});
  EXPECT_EQ(reusable_inputs(*partitions[1]), std::vector{true});
  EXPECT_EQ(reusable_inputs(*partitions[2]), std::vector{false});
}

TEST(LayoutPropagation, LeavingInATupleOrListIsLeaving) {
  const auto graph = ir(R"IR(
graph(%x : Tensor):
  %1 : Tensor = aten::relu(%x)
  %2 : Tensor[] = prim::ListConstruct(%1)
  %3 : (Tensor[]) = prim::TupleConstruct(%2)
  return (%3))IR");
  const jit::Node* partition = as_partition(*graph, "aten::relu");
  propagate_layouts(*graph->block());
  EXPECT_EQ(output_layouts(*partition), std::vector{kContiguous});
}

OutputLayout layout_of_relu(const std::string& readers) {
  const auto graph = ir(R"IR(
graph(%x : Tensor, %list : Tensor[]):
  %two : int = prim::Constant[value=2]()
  %1 : Tensor = aten::relu(%x)
  )IR" + readers);
  const jit::Node* partition = as_partition(*graph, "aten::relu");
  propagate_layouts(*graph->block());
  return output_layouts(*partition).front();
}

TEST(LayoutPropagation, PyTorchsOperatorsHandStridesOn) {
  EXPECT_EQ(layout_of_relu("%2 : Tensor = aten::sin(%1)\n  return (%2)"), kContiguous);
  EXPECT_EQ(layout_of_relu("%2 : Tensor[] = aten::chunk(%1, %two, %two)\n"
                           "  %3 : Tensor, %4 : Tensor = prim::ListUnpack(%2)\n"
                           "  %5 : Tensor = aten::sin(%4)\n  return (%5)"),
            kContiguous);
  EXPECT_EQ(layout_of_relu("%2 : Tensor[] = aten::append(%list, %1)\n  return (%list)"),
            kContiguous);
  EXPECT_EQ(layout_of_relu("%key : str = prim::Constant[value=\"out\"]()\n"
                           "  %2 : Dict(str, Tensor) = prim::DictConstruct()\n"
                           "  aten::_set_item(%2, %key, %1)\n  return (%2)"),
            kContiguous);
  EXPECT_NE(layout_of_relu("%2 : int = aten::size(%1, %two)\n  return (%2)"), kContiguous);
}

TEST(LayoutPropagation, HeadsLieInsideWhereReadersSwapThemBack) {
  const auto graph = ir(R"IR(
graph(%x : Tensor, %n : int):
  %one : int = prim::Constant[value=1]()
  %two : int = prim::Constant[value=2]()
  %1 : Tensor = aten::relu(%x)
  %same : int[] = prim::ListConstruct(%n, %n, %n, %n)
  %2 : Tensor = aten::reshape(%1, %same)
  %3 : Tensor = aten::transpose(%2, %one, %two)
  %4 : Tensor = aten::neg(%3)
  %5 : Tensor = aten::sigmoid(%4)
  %6 : Tensor = aten::transpose(%5, %one, %two)
  %7 : Tensor = aten::neg(%5)
  %8 : Tensor = aten::add(%6, %7, %one)
  %9 : Tensor = aten::tanh(%8)
  return (%9))IR");
  const jit::Node* swapped = as_partition(*graph, "aten::relu");
  const jit::Node* read_both_ways = as_partition(*graph, "aten::sigmoid");
  as_partition(*graph, "aten::tanh");
  propagate_layouts(*graph->block());
  EXPECT_EQ(output_layouts(*swapped), std::vector{OutputLayout::HeadsInside});
  EXPECT_EQ(output_layouts(*read_both_ways), std::vector{kAny});
}

}  // namespace
}  // namespace int8graph
