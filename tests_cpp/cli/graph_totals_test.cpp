#include "cli/graph_totals.h"

#include <gtest/gtest.h>

namespace int8graph {
namespace {

InspectedNode outside(const std::string& kind, const std::string& reason, int64_t weights = 0) {
  InspectedNode node;
  node.kind = kind;
  node.reason = reason;
  node.other_weights = weights;
  return node;
}

TEST(GraphTotals, CountPartitionsAndBytes) {
  Inspection graph;
  InspectedNode partition;
  partition.is_partition = true;
  partition.int8_weights = 100;
  partition.other_weights = 20;
  graph.nodes = {partition, partition, outside("aten::embedding", "no form", 3)};
  const GraphTotals totals = totals_of(graph);
  EXPECT_EQ(totals.partitions, 2);
  EXPECT_EQ(totals.int8_weights, 200);
  EXPECT_EQ(totals.other_weights, 43);
}

TEST(GraphTotals, GroupWhatPyTorchRunsByReasonAndOperator) {
  Inspection graph;
  graph.nodes = {outside("aten::size", "no row"), outside("aten::size", "no row"),
                 outside("aten::size", "other reason"), outside("aten::mul", "no row", 8)};
  const auto groups = totals_of(graph).outside;
  ASSERT_EQ(groups.size(), 2);
  EXPECT_EQ(groups.at("no row").at("aten::size").count, 2);
  EXPECT_EQ(groups.at("no row").at("aten::mul").count, 1);
  EXPECT_EQ(groups.at("no row").at("aten::mul").weights, 8);
  EXPECT_EQ(groups.at("other reason").at("aten::size").count, 1);
}

}  // namespace
}  // namespace int8graph
