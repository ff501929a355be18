#include "cli/graph_page.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "cli/graph_layout.h"
#include "cli/graph_totals.h"
#include "cli/text_table.h"

namespace int8graph {

namespace {

constexpr double kMargin = 24;
constexpr double kBoxHeight = 46;
constexpr double kBarHeight = 4;
constexpr double kCharacterWidth = 7.3;  // of the box titles
constexpr double kNarrowest = 118;
constexpr double kLongestBar = kNarrowest - 12;  // in every box, so that equal times look equal
constexpr size_t kLongestTitle = 36;

constexpr const char* kStyle = R"(
:root { color-scheme: light dark;
  --page: #ffffff; --text: #1c2430; --faint: #66707f; --line: #d5dae1;
  --int8: #d8eedc; --int8-edge: #2f8a45; --leaving: #fbe7c6; --leaving-edge: #b97a12;
  --entering: #dbe7fb; --entering-edge: #3568c0; --float: #ece4f7; --float-edge: #7a4fb5;
  --torch: #f1f3f6; --torch-edge: #8b95a3; --bar: #d6433b; }
@media (prefers-color-scheme: dark) { :root {
  --page: #14181e; --text: #e4e8ee; --faint: #97a1b0; --line: #333b47;
  --int8: #1c3a25; --int8-edge: #57b870; --leaving: #42321a; --leaving-edge: #dba23f;
  --entering: #1d2f4f; --entering-edge: #6f9fee; --float: #30264a; --float-edge: #a582dd;
  --torch: #222831; --torch-edge: #727d8d; --bar: #f0736b; } }
body { background: var(--page); color: var(--text); margin: 24px;
  font: 14px/1.45 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
h1 { font-size: 20px; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 15px; margin: 20px 0 4px; }
p { margin: 0; } ul { margin: 0; padding-left: 20px; }
code { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: 12.5px; }
.faint { color: var(--faint); }
.legend { display: flex; flex-wrap: wrap; gap: 6px 18px; margin: 12px 0; }
.legend i { display: inline-block; width: 14px; height: 14px; border-radius: 4px; margin-right: 6px;
  vertical-align: -2px; border: 1.5px solid; }
.graph { overflow-x: auto; border-top: 1px solid var(--line); margin-top: 16px; }
svg { display: block; margin: 0 auto; }
svg text { font: 12px ui-monospace, "DejaVu Sans Mono", monospace; fill: var(--text);
  text-anchor: middle; }
svg text.detail { font-size: 10.5px; fill: var(--faint); }
svg text.scale { font-size: 10px; fill: var(--faint); text-anchor: start; paint-order: stroke;
  stroke: var(--page); stroke-width: 3px; }
rect { stroke-width: 1.5px; }
path { fill: none; stroke: var(--torch-edge); stroke-width: 1.4px; }
path.int8 { stroke: var(--int8-edge); stroke-width: 1.8px; }
path.float { stroke: var(--float-edge); }
.int8 > rect, i.int8 { fill: var(--int8); stroke: var(--int8-edge);
  background: var(--int8); border-color: var(--int8-edge); }
.leaving > rect, i.leaving { fill: var(--leaving); stroke: var(--leaving-edge);
  background: var(--leaving); border-color: var(--leaving-edge); }
.entering > rect, i.entering { fill: var(--entering); stroke: var(--entering-edge);
  background: var(--entering); border-color: var(--entering-edge); }
.float > rect, i.float { fill: var(--float); stroke: var(--float-edge);
  background: var(--float); border-color: var(--float-edge); }
.torch > rect, i.torch { fill: var(--torch); stroke: var(--torch-edge);
  background: var(--torch); border-color: var(--torch-edge); }
.torch > rect { stroke-dasharray: 5 3; } i.torch { border-style: dashed; }
.port > rect { fill: var(--page); stroke: var(--faint); }
g > rect.track { fill: var(--line); stroke: none; }
g > rect.bar { fill: var(--bar); stroke: none; }
)";

std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

std::string shortened(const std::string& text) {
  return text.size() <= kLongestTitle ? text : text.substr(0, kLongestTitle - 1) + "…";
}

std::string element(const std::string& name, const std::string& content,
                    const std::string& style_class = "") {
  return "<" + name + (style_class.empty() ? "" : " class=\"" + style_class + "\"") + ">" +
         content + "</" + name + ">";
}

bool is_int8(const InspectedValue& value) {
  return value.scale.has_value();
}

bool any_int8(const Inspection& graph, const std::vector<size_t>& values) {
  return std::ranges::any_of(values, [&](size_t v) { return is_int8(graph.values[v]); });
}

const char* class_of(const Inspection& graph, const InspectedNode& node) {
  if (!node.is_partition) return "torch";
  const bool in = any_int8(graph, node.inputs);
  const bool out = any_int8(graph, node.outputs);
  if (in) return out ? "int8" : "leaving";
  return out ? "entering" : "float";
}

std::string value_label(const InspectedValue& value) {
  std::string text = value.dtype;
  if (value.scale) {
    char scale[32];
    std::snprintf(scale, sizeof scale, "%.4g", *value.scale);
    text += std::string(" ") + scale;
    if (value.zero_point != 0) text += " zp " + std::to_string(value.zero_point);
  }
  return text;
}

/// Draws boxes for the graph's inputs, its nodes and its outputs, in this order.
class Drawing {
 public:
  Drawing(const Inspection& graph, const std::vector<double>& times_us)
      : graph_(graph), times_us_(times_us) {
    for (const double time : times_us) longest_ = std::max(longest_, time);
    all_ = std::accumulate(times_us.begin(), times_us.end(), 0.0);
    for (const size_t value : graph.inputs) {
      add_box("port", "input", graph.values[value].dtype, "%" + graph.values[value].name, -1);
    }
    for (size_t i = 0; i < graph.nodes.size(); ++i) add_node(i);
    for (size_t i = 0; i < graph.outputs.size(); ++i) {
      add_box("port", "output", graph.values[graph.outputs[i]].dtype, "", -1);
    }
    add_edges();
  }

  std::string svg() const {
    const GraphLayout layout = lay_out(boxes_, edges_);
    std::string edges;
    std::string labels;
    std::set<size_t> labelled;
    std::set<std::pair<double, double>> drawn;
    for (size_t i = 0; i < edges_.size(); ++i) {
      const InspectedValue& value = graph_.values[edge_values_[i]];
      const char* style_class = is_int8(value) ? "int8" : (value.dtype == "float32" ? "float" : "");
      edges += path(layout.routes[i], style_class, drawn);
      if (labelled.insert(edge_values_[i]).second && !value.dtype.empty()) {
        labels += label(layout.routes[i], value_label(value));
      }
    }
    std::string nodes;
    for (size_t i = 0; i < boxes_.size(); ++i) nodes += draw(i, layout.boxes[i]);
    // A label may reach past the rightmost box.
    const double width = layout.width + 2 * kMargin + kNarrowest;
    const double height = layout.height + 2 * kMargin;
    return "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + fixed(width, 0) + "\" height=\"" +
           fixed(height, 0) + "\" viewBox=\"" + fixed(-kMargin, 0) + " " + fixed(-kMargin, 0) +
           " " + fixed(width, 0) + " " + fixed(height, 0) + "\">\n" + edges + labels + nodes +
           "</svg>\n";
  }

 private:
  struct Text {
    std::string style_class;
    std::string title;
    std::string detail;
    std::string tooltip;
    double time;  ///< below 0: unknown
  };

  void add_box(std::string style_class, const std::string& title, std::string detail,
               std::string tooltip, double time) {
    const std::string shown = shortened(title);
    const double width =
        static_cast<double>(std::max(shown.size(), detail.size())) * kCharacterWidth;
    boxes_.push_back({std::max(kNarrowest, width + 20), kBoxHeight});
    texts_.push_back({std::move(style_class), shown, std::move(detail), std::move(tooltip), time});
  }

  void add_node(size_t i) {
    const InspectedNode& node = graph_.nodes[i];
    const bool is_timed = node.is_partition && !times_us_.empty();
    std::string detail = "#" + std::to_string(i);
    if (is_timed) {
      detail +=
          "  " + fixed(times_us_[i], 1) + " us · " + fixed(100 * times_us_[i] / all_, 1) + " %";
    }
    const int64_t weights = node.int8_weights + node.other_weights;
    if (weights > 0) detail += " · " + in_bytes(weights);
    std::string tooltip = node.kind + "\n";
    for (const std::string& name : node.operators) tooltip += name + "\n";
    if (!node.reason.empty()) tooltip += "outside of partitions: " + node.reason + "\n";
    for (const size_t input : node.inputs) tooltip += "in: " + describe(input) + "\n";
    for (const size_t output : node.outputs) tooltip += "out: " + describe(output) + "\n";
    const std::string title = node.is_partition ? partition_title(node.operators)
                                                : node.kind.substr(node.kind.find(':') + 2);
    add_box(class_of(graph_, node), title, detail, tooltip, is_timed ? times_us_[i] : -1);
  }

  std::string describe(size_t i) const {
    const InspectedValue& value = graph_.values[i];
    return "%" + value.name + " " + value_label(value) +
           (value.is_contiguous ? "" : ", as oneDNN likes it");
  }

  void add_edges() {
    const size_t first_node = graph_.inputs.size();
    const size_t first_output = first_node + graph_.nodes.size();
    std::map<size_t, size_t> box_of_input;
    for (size_t i = 0; i < graph_.inputs.size(); ++i) box_of_input[graph_.inputs[i]] = i;
    const auto connect = [&](const std::vector<size_t>& values, size_t to) {
      const std::set<size_t> distinct(values.begin(), values.end());
      for (const size_t value : distinct) {
        const auto producer = graph_.values[value].producer;
        const auto input = box_of_input.find(value);
        if (!producer && input == box_of_input.end()) continue;  // made by a loop or branch
        edges_.push_back({producer ? first_node + *producer : input->second, to, value});
        edge_values_.push_back(value);
      }
    };
    for (size_t i = 0; i < graph_.nodes.size(); ++i)
      connect(graph_.nodes[i].inputs, first_node + i);
    for (size_t i = 0; i < graph_.outputs.size(); ++i)
      connect({graph_.outputs[i]}, first_output + i);
  }

  /// Straight through the layers, in S-curves between them. What bundled edges share is drawn with
  /// the first of them.
  static std::string path(const std::vector<Point>& route, const std::string& style_class,
                          std::set<std::pair<double, double>>& drawn) {
    std::string d;
    bool is_connected = false;
    for (size_t i = 1; i < route.size(); ++i) {
      const Point& a = route[i - 1];
      const Point& b = route[i];
      if (i + 1 < route.size() && !drawn.emplace(b.x, b.y).second) {
        is_connected = false;
        continue;
      }
      if (!is_connected) d += "M" + fixed(a.x, 1) + " " + fixed(a.y, 1);
      is_connected = true;
      if (a.x == b.x) {
        d += "V" + fixed(b.y, 1);
      } else {
        const std::string middle = fixed((a.y + b.y) / 2, 1);
        d += "C" + fixed(a.x, 1) + " " + middle + " " + fixed(b.x, 1) + " " + middle + " " +
             fixed(b.x, 1) + " " + fixed(b.y, 1);
      }
    }
    return "<path" + (style_class.empty() ? "" : " class=\"" + style_class + "\"") + " d=\"" + d +
           "\"/>\n";
  }

  static std::string label(const std::vector<Point>& route, const std::string& text) {
    return "<text class=\"scale\" x=\"" + fixed(route[0].x + 6, 1) + "\" y=\"" +
           fixed(route[0].y + 15, 1) + "\">" + escaped(text) + "</text>\n";
  }

  static std::string bar(const std::string& style_class, double width) {
    return "<rect class=\"" + style_class + "\" x=\"6\" y=\"" +
           fixed(kBoxHeight - kBarHeight - 3, 1) + "\" width=\"" + fixed(width, 1) +
           "\" height=\"" + fixed(kBarHeight, 1) + "\" rx=\"2\"/>";
  }

  std::string draw(size_t i, const Point& corner) const {
    const Text& text = texts_[i];
    const Box& box = boxes_[i];
    const std::string middle = fixed(box.width / 2, 1);
    std::string svg = "<g class=\"" + text.style_class + "\" transform=\"translate(" +
                      fixed(corner.x, 1) + " " + fixed(corner.y, 1) + ")\">";
    if (!text.tooltip.empty()) svg += element("title", escaped(text.tooltip));
    svg += "<rect width=\"" + fixed(box.width, 1) + "\" height=\"" + fixed(box.height, 1) +
           "\" rx=\"6\"/>";
    if (text.time > 0 && longest_ > 0) {
      svg += bar("track", kLongestBar) + bar("bar", kLongestBar * text.time / longest_);
    }
    svg += "<text x=\"" + middle + "\" y=\"18\">" + escaped(text.title) + "</text>";
    svg +=
        "<text class=\"detail\" x=\"" + middle + "\" y=\"33\">" + escaped(text.detail) + "</text>";
    return svg + "</g>\n";
  }

  const Inspection& graph_;
  const std::vector<double>& times_us_;
  double longest_ = 0;
  double all_ = 0;
  std::vector<Box> boxes_;
  std::vector<Text> texts_;
  std::vector<Edge> edges_;
  std::vector<size_t> edge_values_;
};

std::string legend() {
  struct Entry {
    const char* style_class;
    const char* text;
  };
  constexpr Entry kEntries[] = {
      {"int8", "partition, int8 to int8"},      {"leaving", "partition, int8 to float"},
      {"entering", "partition, float to int8"}, {"float", "partition, float to float"},
      {"torch", "outside of partitions"},
  };
  std::string items;
  for (const Entry& entry : kEntries) {
    items += element("span", element("i", "", entry.style_class) + entry.text);
  }
  return "<div class=\"legend\">" + items + "</div>\n";
}

std::string outside_list(const GraphTotals& totals) {
  if (totals.outside.empty()) return "";
  std::string items;
  for (const auto& [reason, kinds] : totals.outside) {
    std::string names;
    for (const auto& [kind, nodes] : kinds) {
      if (!names.empty()) names += ", ";
      names += element("code", escaped(kind)) +
               (nodes.count > 1 ? " × " + std::to_string(nodes.count) : "");
    }
    items += element("li", names + ": " + escaped(reason));
  }
  return element("h2", "Outside of partitions, and why") + element("ul", items) + "\n";
}

std::string summary(const GraphTotals& totals, size_t nodes, const std::vector<double>& times_us) {
  std::string text = std::to_string(totals.partitions) + " partitions, " +
                     std::to_string(nodes - totals.partitions) + " nodes outside of them; " +
                     in_bytes(totals.int8_weights) + " of int8 weights, " +
                     in_bytes(totals.other_weights) + " of other constants";
  if (!times_us.empty()) {
    const double all = std::accumulate(times_us.begin(), times_us.end(), 0.0);
    text += "; partitions take " + fixed(all / 1000, 2) +
            " ms per call (red: time; the slowest fills its bar)";
  }
  return element("p", text, "faint");
}

}  // namespace

std::string graph_page(const std::string& title, const Inspection& graph,
                       const std::vector<double>& times_us) {
  const GraphTotals totals = totals_of(graph);
  return "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n" +
         element("title", escaped(title) + " - int8graph") + "\n" + element("style", kStyle) +
         "\n</head>\n<body>\n" + element("h1", escaped(title)) + "\n" +
         summary(totals, graph.nodes.size(), times_us) + "\n" + legend() + outside_list(totals) +
         "<div class=\"graph\">\n" + Drawing(graph, times_us).svg() + "</div>\n</body>\n</html>\n";
}

}  // namespace int8graph
