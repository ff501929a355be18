#pragma once

#include <cstddef>
#include <vector>

namespace int8graph {

struct Point {
  double x = 0;
  double y = 0;
};

struct Box {
  double width;
  double height;
};

struct Edge {
  size_t from;  ///< less than `to`
  size_t to;
  size_t bundle;  ///< edges from one box that share this number run together as far as they can
};

struct GraphLayout {
  std::vector<Point> boxes;                ///< upper left corners
  std::vector<std::vector<Point>> routes;  ///< of each edge, from lower to upper border
  double width = 0;
  double height = 0;
};

/// Draws a directed graph from top to bottom, in layers, as Sugiyama, Tagawa and Toda do (1981):
/// each box stands below all that it reads, bundles of edges over several
/// layers get a narrow place in each of them, and the places of a layer are ordered by the mean
/// place of their neighbours, so that few edges cross.
///
/// Boxes must be in topological order.
GraphLayout lay_out(const std::vector<Box>& boxes, const std::vector<Edge>& edges);

}  // namespace int8graph
