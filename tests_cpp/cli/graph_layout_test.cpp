#include "cli/graph_layout.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace int8graph {
namespace {

constexpr Box kBox{100, 40};

std::vector<Box> boxes(size_t count) {
  return std::vector<Box>(count, kBox);
}

double middle(const GraphLayout& layout, size_t box) {
  return layout.boxes[box].x + kBox.width / 2;
}

void expect_no_overlap(const GraphLayout& layout, const std::vector<Box>& boxes) {
  for (size_t i = 0; i < boxes.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      const Point& a = layout.boxes[i];
      const Point& b = layout.boxes[j];
      const bool apart = a.x + boxes[i].width <= b.x || b.x + boxes[j].width <= a.x ||
                         a.y + boxes[i].height <= b.y || b.y + boxes[j].height <= a.y;
      EXPECT_TRUE(apart) << i << " and " << j;
    }
  }
}

void expect_inside(const GraphLayout& layout, const std::vector<Box>& boxes) {
  for (size_t i = 0; i < boxes.size(); ++i) {
    EXPECT_GE(layout.boxes[i].x, -1e-9);
    EXPECT_GE(layout.boxes[i].y, 0);
    EXPECT_LE(layout.boxes[i].x + boxes[i].width, layout.width + 1e-9);
    EXPECT_LE(layout.boxes[i].y + boxes[i].height, layout.height + 1e-9);
  }
}

TEST(LayOut, NothingTakesNoRoom) {
  const GraphLayout layout = lay_out({}, {});
  EXPECT_TRUE(layout.boxes.empty());
  EXPECT_EQ(layout.width, 0);
  EXPECT_EQ(layout.height, 0);
}

TEST(LayOut, AChainHangsStraightDown) {
  const GraphLayout layout = lay_out(boxes(3), {{0, 1, 0}, {1, 2, 1}});
  for (size_t i = 1; i < 3; ++i) {
    EXPECT_NEAR(layout.boxes[i].x, layout.boxes[0].x, 1e-6);
    EXPECT_GE(layout.boxes[i].y, layout.boxes[i - 1].y + kBox.height);
  }
  EXPECT_NEAR(layout.width, kBox.width, 1e-6);
}

TEST(LayOut, RoutesLeadFromTheLowerToTheUpperBorder) {
  const GraphLayout layout = lay_out(boxes(2), {{0, 1, 0}});
  ASSERT_EQ(layout.routes.size(), 1);
  const auto& route = layout.routes[0];
  EXPECT_NEAR(route.front().x, middle(layout, 0), 1e-6);
  EXPECT_EQ(route.front().y, layout.boxes[0].y + kBox.height);
  EXPECT_NEAR(route.back().x, middle(layout, 1), 1e-6);
  EXPECT_EQ(route.back().y, layout.boxes[1].y);
}

TEST(LayOut, BranchesStandSideBySideBelowTheirFork) {
  const std::vector<Box> four = boxes(4);
  const GraphLayout layout = lay_out(four, {{0, 1, 0}, {0, 2, 0}, {1, 3, 1}, {2, 3, 2}});
  EXPECT_EQ(layout.boxes[1].y, layout.boxes[2].y);
  EXPECT_NEAR(middle(layout, 0), (middle(layout, 1) + middle(layout, 2)) / 2, 1);
  EXPECT_NEAR(middle(layout, 3), middle(layout, 0), 1);
  expect_no_overlap(layout, four);
  expect_inside(layout, four);
}

TEST(LayOut, ALongEdgePassesBesideTheBoxesBetween) {
  const std::vector<Box> four = boxes(4);
  const GraphLayout layout = lay_out(four, {{0, 1, 0}, {1, 2, 1}, {2, 3, 2}, {0, 3, 0}});
  const auto& skip = layout.routes[3];
  for (size_t box = 1; box < 3; ++box) {
    const Point& corner = layout.boxes[box];
    for (const Point& point : skip) {
      const bool is_inside = point.x > corner.x && point.x < corner.x + kBox.width &&
                             point.y > corner.y && point.y < corner.y + kBox.height;
      EXPECT_FALSE(is_inside) << box;
    }
    EXPECT_TRUE(std::ranges::any_of(
        skip, [&](const Point& point) { return point.y >= corner.y && point.y <= corner.y + 40; }));
  }
}

TEST(LayOut, BundledEdgesRunTogether) {
  // Boxes 3 and 4 both read box 0, over the layers of boxes 1 and 2.
  const std::vector<Edge> edges = {{0, 1, 0}, {1, 2, 1}, {2, 3, 2},
                                   {0, 3, 9}, {3, 4, 3}, {0, 4, 9}};
  const GraphLayout layout = lay_out(boxes(5), edges);
  const auto& shorter = layout.routes[3];
  const auto& longer = layout.routes[5];
  for (size_t i = 0; i + 1 < shorter.size(); ++i) {
    EXPECT_EQ(shorter[i].x, longer[i].x) << i;
    EXPECT_EQ(shorter[i].y, longer[i].y) << i;
  }
}

TEST(LayOut, NeighboursAreOrderedSoThatEdgesDoNotCross) {
  // 0 -> 3 and 1 -> 2: as numbered they would cross.
  const GraphLayout layout = lay_out(boxes(4), {{0, 3, 0}, {1, 2, 0}});
  const bool left_above = layout.boxes[0].x < layout.boxes[1].x;
  const bool left_below = layout.boxes[3].x < layout.boxes[2].x;
  EXPECT_EQ(left_above, left_below);
}

TEST(LayOut, BoxesOfDifferentSizesKeepApart) {
  const std::vector<Box> mixed = {{300, 40}, {100, 90}, {50, 20}, {400, 40}};
  const GraphLayout layout = lay_out(mixed, {{0, 1, 0}, {0, 2, 0}, {1, 3, 1}, {2, 3, 2}});
  expect_no_overlap(layout, mixed);
  expect_inside(layout, mixed);
  EXPECT_GE(layout.boxes[3].y, layout.boxes[1].y + 90);
}

}  // namespace
}  // namespace int8graph
