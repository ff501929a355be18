#include "cli/graph_layout.h"

#include <algorithm>
#include <map>
#include <utility>

namespace int8graph {

namespace {

constexpr double kBoxGap = 24;
constexpr double kVerticalGap = 46;
constexpr double kEdgeWidth = 2;
constexpr double kEdgeGap = 9;
constexpr double kPullToAxis = 0.1;  // beside a neighbour's 1; else long graphs drift sideways
constexpr int kOrderingSweeps = 8;
constexpr int kPlacingSweeps = 12;

/// A box, or the place where a bundle of edges passes a layer.
struct Place {
  double width;
  double gap;  ///< to its neighbours
  size_t layer;
  double x = 0;  ///< of its middle
  std::vector<size_t> above = {};
  std::vector<size_t> below = {};
};

class Layering {
 public:
  Layering(const std::vector<Box>& boxes, const std::vector<Edge>& edges) {
    const std::vector<size_t> layer = layers_of(boxes.size(), edges);
    for (size_t i = 0; i < boxes.size(); ++i) add(boxes[i].width, kBoxGap, layer[i]);
    std::map<std::pair<size_t, size_t>, std::vector<size_t>> bundles;  // their places
    for (const Edge& edge : edges) {
      auto& shared = bundles[{edge.from, edge.bundle}];
      if (shared.empty()) shared.push_back(edge.from);
      const size_t length = layer[edge.to] - layer[edge.from];
      while (shared.size() < length) {
        shared.push_back(add(kEdgeWidth, kEdgeGap, layer[edge.from] + shared.size()));
        join(shared[shared.size() - 2], shared.back());
      }
      auto& chain = chains_.emplace_back(shared.begin(), shared.begin() + length);
      chain.push_back(edge.to);
      join(chain[length - 1], edge.to);
    }
  }

  void order() {
    for (auto& layer : layers_) pack(layer);
    for (int sweep = 0; sweep < kOrderingSweeps; ++sweep) {
      for (size_t i = 0; i < layers_.size(); ++i) {
        const bool down = sweep % 2 == 0;
        auto& layer = layers_[down ? i : layers_.size() - 1 - i];
        std::vector<double> wish(places_.size());
        for (const size_t place : layer) wish[place] = mean_of_neighbours(place, down, !down);
        std::ranges::stable_sort(layer, {}, [&](size_t place) { return wish[place]; });
        pack(layer);
      }
    }
  }

  /// Moves each layer's places as near to their neighbours as their order and widths allow.
  void place() {
    for (int sweep = 0; sweep < kPlacingSweeps; ++sweep) {
      const bool down = sweep % 2 == 0;
      const bool last = sweep + 2 >= kPlacingSweeps;
      for (size_t i = 0; i < layers_.size(); ++i) {
        move_to_neighbours(layers_[down ? i : layers_.size() - 1 - i], down || last, !down || last);
      }
    }
    double left = 0;
    for (const Place& p : places_) left = std::min(left, p.x - p.width / 2);
    for (Place& p : places_) p.x -= left;
  }

  const std::vector<Place>& places() const { return places_; }
  const std::vector<std::vector<size_t>>& layers() const { return layers_; }
  const std::vector<std::vector<size_t>>& chains() const { return chains_; }

 private:
  static std::vector<size_t> layers_of(size_t boxes, const std::vector<Edge>& edges) {
    std::vector<size_t> layer(boxes, 0);
    std::vector<size_t> producers(boxes, 0);
    std::vector<std::vector<size_t>> readers(boxes);
    for (const Edge& edge : edges) {
      readers[edge.from].push_back(edge.to);
      ++producers[edge.to];
    }
    for (size_t i = 0; i < boxes; ++i) {
      for (const size_t reader : readers[i]) layer[reader] = std::max(layer[reader], layer[i] + 1);
    }
    // What reads one value stands right above its own first reader: several such readers of one
    // value then need no room side by side.
    for (size_t i = boxes; i-- > 0;) {
      if (producers[i] > 1 || readers[i].empty()) continue;
      layer[i] =
          layer[*std::ranges::min_element(readers[i], {}, [&](size_t r) { return layer[r]; })] - 1;
    }
    return layer;
  }

  size_t add(double width, double gap, size_t layer) {
    if (layers_.size() <= layer) layers_.resize(layer + 1);
    layers_[layer].push_back(places_.size());
    places_.push_back({.width = width, .gap = gap, .layer = layer});
    return places_.size() - 1;
  }

  void join(size_t above, size_t below) {
    places_[above].below.push_back(below);
    places_[below].above.push_back(above);
  }

  /// Between the middles of two neighbours.
  double distance(size_t left, size_t right) const {
    const Place& a = places_[left];
    const Place& b = places_[right];
    return (a.width + b.width + a.gap + b.gap) / 2;
  }

  void pack(const std::vector<size_t>& layer) {
    double x = 0;
    for (size_t i = 0; i < layer.size(); ++i) {
      if (i > 0) x += distance(layer[i - 1], layer[i]);
      places_[layer[i]].x = x;
    }
    for (const size_t i : layer) places_[i].x -= x / 2;
  }

  double mean_of_neighbours(size_t place, bool above, bool below) const {
    double sum = 0;
    double count = kPullToAxis;
    const auto add_all = [&](const std::vector<size_t>& neighbours) {
      for (const size_t n : neighbours) sum += places_[n].x;
      count += static_cast<double>(neighbours.size());
    };
    if (above) add_all(places_[place].above);
    if (below) add_all(places_[place].below);
    return sum / count;
  }

  /// Isotonic regression: with the distances between neighbours taken off, the wishes must not
  /// fall. Runs of places whose wishes fall stand side by side around their mean.
  void move_to_neighbours(const std::vector<size_t>& layer, bool above, bool below) {
    struct Run {
      double sum;
      size_t count;
      double mean() const { return sum / static_cast<double>(count); }
    };
    std::vector<Run> runs;
    std::vector<double> offsets;
    double offset = 0;
    for (size_t i = 0; i < layer.size(); ++i) {
      if (i > 0) offset += distance(layer[i - 1], layer[i]);
      offsets.push_back(offset);
      runs.push_back({mean_of_neighbours(layer[i], above, below) - offset, 1});
      while (runs.size() > 1 && runs[runs.size() - 2].mean() >= runs.back().mean()) {
        const Run last = runs.back();
        runs.pop_back();
        runs.back().sum += last.sum;
        runs.back().count += last.count;
      }
    }
    size_t i = 0;
    for (const Run& run : runs) {
      for (size_t k = 0; k < run.count; ++k, ++i) places_[layer[i]].x = run.mean() + offsets[i];
    }
  }

  std::vector<Place> places_;                ///< the boxes first
  std::vector<std::vector<size_t>> layers_;  ///< places from left to right
  std::vector<std::vector<size_t>> chains_;  ///< the places that each edge passes
};

}  // namespace

GraphLayout lay_out(const std::vector<Box>& boxes, const std::vector<Edge>& edges) {
  GraphLayout result;
  if (boxes.empty()) return result;
  Layering layering(boxes, edges);
  layering.order();
  layering.place();

  std::vector<double> top(layering.layers().size());
  std::vector<double> height(layering.layers().size(), 0);
  const auto& places = layering.places();
  for (size_t i = 0; i < boxes.size(); ++i) {
    height[places[i].layer] = std::max(height[places[i].layer], boxes[i].height);
  }
  for (size_t l = 1; l < top.size(); ++l) top[l] = top[l - 1] + height[l - 1] + kVerticalGap;

  for (size_t i = 0; i < boxes.size(); ++i) {
    result.boxes.push_back({places[i].x - boxes[i].width / 2, top[places[i].layer]});
  }
  for (const auto& chain : layering.chains()) {
    auto& route = result.routes.emplace_back();
    for (size_t i = 0; i < chain.size(); ++i) {
      const Place& place = places[chain[i]];
      const double y = top[place.layer];
      if (i > 0) route.push_back({place.x, y});
      if (i + 1 < chain.size()) {
        const double bottom = i == 0 ? boxes[chain[0]].height : height[place.layer];
        route.push_back({place.x, y + bottom});
      }
    }
  }
  for (const Place& place : places)
    result.width = std::max(result.width, place.x + place.width / 2);
  result.height = top.back() + height.back();
  return result;
}

}  // namespace int8graph
