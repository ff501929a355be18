#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/graph_page.h"
#include "cli/graph_totals.h"
#include "cli/model_files.h"
#include "cli/model_inputs.h"
#include "cli/naming_call.h"
#include "cli/partition_profile.h"
#include "cli/text_table.h"
#include "config/atomic_file.h"
#include "config/environment.h"
#include "int8graph/module_io.h"
#include "quantize/inspection.h"

namespace int8graph {

namespace jit = torch::jit;
using Json = nlohmann::ordered_json;

const CommandHelp kInspect = {
    .name = "inspect",
    .summary = "explain an artifact: its partitions, what stayed outside and why, its sizes",
    .files = {"MODEL"},
    .options =
        {
            {"--profile", "", "run it, and tell the time of each partition"},
            kShapeOption,
            kDtypeOption,
            {"--data", "FILE", "profile with real inputs: the first call in FILE (.npy, .pt)"},
            {"--json", "", "print everything known as JSON"},
            {"--html", "FILE", "write one page with the graph drawn"},
        },
    .text =
        R"(Loads an artifact, fuses it as it would be to run, and tells what came of it: its inputs, which
operators are int8, the partitions (operators that run as one, in oneDNN's kernels or our own), what
stays outside and why, and where the bytes are.

Examples:
  int8graph inspect model.pt
  int8graph inspect model.pt --profile --html model.html
  int8graph inspect model.pt --json)",
};

namespace {

struct Report {
  std::string path;
  int64_t file_bytes = 0;
  bool holds_conf = true;
  std::vector<InspectedInput> recorded;
  std::map<std::string, OperatorCount> operators;
  Inspection graph;
  std::vector<double> times_us;  ///< of each node; 0 where unknown; empty if not profiled
};

/// The profile lists partitions in the order in which they run, the graph in that of its text; the
/// two are the same unless a branch was not taken.
std::vector<double> times_of_nodes(const CallProfile& profile, const Inspection& graph) {
  std::vector<double> times(graph.nodes.size());
  size_t row = 0;
  for (size_t i = 0; i < graph.nodes.size() && row < profile.partitions.size(); ++i) {
    const InspectedNode& node = graph.nodes[i];
    if (!node.is_partition || joined(node.operators, "+") != profile.partitions[row].operators) {
      continue;
    }
    times[i] = profile.partitions[row].us;
    ++row;
  }
  return times;
}

std::string describe(const Inspection& graph, const InspectedValue& value) {
  const std::string dtype = value.dtype.empty() ? "tensor" : value.dtype;
  const bool is_of_partition = value.producer && graph.nodes[*value.producer].is_partition;
  return is_of_partition && value.is_contiguous ? dtype + " contiguous" : dtype;
}

std::string weights_text(int64_t bytes) {
  return bytes == 0 ? "" : in_bytes(bytes);
}

/// "uint8, float32"; equal ones in a row are counted: "24 uint8".
std::string describe_all(const Inspection& graph, const std::vector<size_t>& values) {
  std::vector<std::string> parts;
  for (size_t i = 0; i < values.size();) {
    const std::string part = describe(graph, graph.values[values[i]]);
    size_t count = 0;
    while (i < values.size() && describe(graph, graph.values[values[i]]) == part) ++i, ++count;
    parts.push_back(count > 1 ? std::to_string(count) + " " + part : part);
  }
  return joined(parts, ", ");
}

std::string partition_table(const Report& report) {
  const Inspection& graph = report.graph;
  const bool is_profiled = !report.times_us.empty();
  using enum TextTable::Align;
  TextTable table({"#", is_profiled ? "us" : "", "in", "out", "weights", "partition"},
                  {Right, Right, Left, Left, Right, Left});
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const InspectedNode& node = graph.nodes[i];
    if (!node.is_partition) continue;
    table.add({std::to_string(i), is_profiled ? fixed(report.times_us[i], 1) : "",
               describe_all(graph, node.inputs), describe_all(graph, node.outputs),
               weights_text(node.int8_weights + node.other_weights),
               partition_title(node.operators)});
  }
  return table.to_string() +
         "Outputs of partitions lie as oneDNN likes them, channels last, unless marked "
         "contiguous.\n";
}

std::string outside_table(const GraphTotals& totals) {
  if (totals.outside.empty()) return "";
  using enum TextTable::Align;
  TextTable table({"count", "weights", "outside of partitions", "because"},
                  {Right, Right, Left, Left});
  for (const auto& [reason, kinds] : totals.outside) {
    for (const auto& [kind, nodes] : kinds) {
      table.add({std::to_string(nodes.count), weights_text(nodes.weights), kind, reason});
    }
  }
  return "\n" + table.to_string();
}

void print_text(const Report& report) {
  const Inspection& graph = report.graph;
  std::string inputs;
  for (const InspectedInput& input : report.recorded) {
    inputs += (inputs.empty() ? "" : ", ") + dtype_name(input.dtype) + " " + in_sizes(input.sizes);
  }
  std::string operators;
  for (const auto& [name, count] : report.operators) {
    if (count.quantized == 0) continue;
    operators += (operators.empty() ? "" : ", ") + std::to_string(count.quantized) +
                 (count.quantized < count.all ? " of " + std::to_string(count.all) : "") + " " +
                 name;
  }
  const GraphTotals totals = totals_of(graph);
  using enum TextTable::Align;
  TextTable summary({"file", report.path + ", " + in_bytes(report.file_bytes)}, {Left, Left});
  summary.add({"converted with", inputs.empty() ? "unknown inputs" : inputs});
  summary.add({"quantized", operators.empty() ? "nothing" : operators});
  if (!report.holds_conf) {
    summary.add({"configuration", "missing: torch.jit.save() leaves int8graph.json out"});
  }
  summary.add({"weights", in_bytes(totals.int8_weights) + " int8, " +
                              in_bytes(totals.other_weights) + " other"});
  summary.add({"nodes", std::to_string(totals.partitions) + " partitions, " +
                            std::to_string(graph.nodes.size() - totals.partitions) +
                            " outside of them"});
  if (is_disabled()) summary.add({"fusion", "none: INT8GRAPH_DISABLE is set"});
  std::cout << summary.to_string() << "\n" << partition_table(report) << outside_table(totals);
}

Json value_json(const InspectedValue& value) {
  Json json = {{"name", value.name}, {"dtype", value.dtype}};
  if (value.scale) {
    json["scale"] = *value.scale;
    json["zero_point"] = value.zero_point;
  }
  json["layout"] = value.is_contiguous ? "contiguous" : "any";
  return json;
}

void print_json(const Report& report) {
  Json json = {{"file", report.path},
               {"file_bytes", report.file_bytes},
               {"holds_configuration", report.holds_conf},
               {"is_disabled", is_disabled()},
               {"inputs", Json::array()},
               {"operators", Json::object()},
               {"nodes", Json::array()},
               {"values", Json::array()},
               {"graph_inputs", report.graph.inputs},
               {"graph_outputs", report.graph.outputs}};
  for (const InspectedInput& input : report.recorded) {
    json["inputs"].push_back({{"dtype", dtype_name(input.dtype)}, {"sizes", input.sizes}});
  }
  for (const auto& [name, count] : report.operators) {
    json["operators"][name] = {{"all", count.all}, {"quantized", count.quantized}};
  }
  for (size_t i = 0; i < report.graph.nodes.size(); ++i) {
    const InspectedNode& node = report.graph.nodes[i];
    Json row = {{"kind", node.kind},
                {"operators", node.operators},
                {"inputs", node.inputs},
                {"outputs", node.outputs},
                {"int8_weight_bytes", node.int8_weights},
                {"other_weight_bytes", node.other_weights}};
    if (!node.is_partition) row["reason"] = node.reason;
    if (!report.times_us.empty() && node.is_partition) row["us"] = report.times_us[i];
    json["nodes"].push_back(std::move(row));
  }
  for (const InspectedValue& value : report.graph.values)
    json["values"].push_back(value_json(value));
  std::cout << json.dump(2) << "\n";
}

}  // namespace

void inspect(const Arguments& arguments) {
  for (const char* option : {"--shape", "--dtype", "--data"}) {
    if (!arguments.has(option) || arguments.has("--profile")) continue;
    throw UsageError("option " + std::string(option) + " needs --profile, which runs the model");
  }
  if (arguments.has("--html")) check_writable(arguments.text("--html"));
  const GivenInputs given = given_inputs(arguments);
  const c10::InferenceMode inference;
  Report report;
  report.path = arguments.file(0);
  jit::Module model = load(report.path);
  report.file_bytes = static_cast<int64_t>(std::filesystem::file_size(report.path));
  report.recorded = recorded_inputs(model);
  report.holds_conf = holds_conf(report.path);
  report.operators = count_operators(jit::load(report.path, c10::kCPU));
  report.graph = inspect(model);
  if (arguments.has("--profile")) {
    const Call call = call_for(model, given);
    report.times_us = times_of_nodes(
        naming_call(call, [&] { return profile_partitions(model, call.inputs, {}); }),
        report.graph);
  }
  if (arguments.has("--html")) {
    write_file_atomically(arguments.text("--html"),
                          graph_page(report.path, report.graph, report.times_us));
  }
  if (arguments.has("--json")) {
    print_json(report);
  } else {
    print_text(report);
  }
}

}  // namespace int8graph
