#include "cli/graph_page.h"

#include <gtest/gtest.h>

#include <string>

namespace int8graph {
namespace {

InspectedNode partition(const std::vector<std::string>& operators) {
  InspectedNode node;
  node.kind = "int8graph::partition";
  node.is_partition = true;
  node.operators = operators;
  return node;
}

size_t count(const std::string& text, const std::string& part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST(GraphPage, BarsHaveOneScaleInBoxesOfAllWidths) {
  Inspection graph;
  graph.nodes = {partition({"conv2d"}), partition({"conv2d", "batch_norm", "hardswish", "add"}),
                 partition({"linear"})};
  const std::string page = graph_page("model.pt", graph, {8, 8, 4});
  EXPECT_EQ(count(page, "<rect class=\"track\" x=\"6\" y=\"39.0\" width=\"106.0\""), 3);
  EXPECT_EQ(count(page, "<rect class=\"bar\" x=\"6\" y=\"39.0\" width=\"106.0\""), 2);
  EXPECT_EQ(count(page, "<rect class=\"bar\" x=\"6\" y=\"39.0\" width=\"53.0\""), 1);
}

}  // namespace
}  // namespace int8graph
