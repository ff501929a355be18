#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/commands.h"
#include "cli/measure.h"
#include "cli/model_files.h"
#include "cli/model_inputs.h"
#include "cli/naming_call.h"
#include "cli/partition_profile.h"
#include "cli/progress.h"
#include "cli/text_table.h"
#include "config/environment.h"
#include "int8graph/module_io.h"

namespace int8graph {

namespace jit = torch::jit;
using Json = nlohmann::ordered_json;

const CommandHelp kBench = {
    .name = "bench",
    .summary = "time an artifact: latency, throughput, start-up, memory, each partition",
    .files = {"MODEL"},
    .options =
        {
            kShapeOption,
            kDtypeOption,
            {"--data", "FILE", "time a call with real inputs: the first one in FILE (.npy, .pt)"},
            {"--threads", "N", "intra-op threads of each instance (default: 1)"},
            {"--instances", "K", "callers at the same time, on one set of weights (default: 1)"},
            {"--iterations", "N", "timed calls of each instance (default: 100)"},
            {"--warmup", "N", "calls before the timed ones (default: 10)"},
            {"--fp32", "FILE", "the fp32 TorchScript model, timed in turns with the artifact"},
            {"--no-profile", "", "leave the times of single partitions out"},
            {"--json", "", "print everything measured as JSON"},
        },
    .text =
        R"(Times an artifact in this process, which holds no Python. Instances keep to cores of their own
while there are enough. The ratio to fp32 is that to the frozen TorchScript model, measured in turns.

Examples:
  int8graph bench model.pt
  int8graph bench model.pt --shape 8x3x224x224 --threads 2 --fp32 fp32.pt
  int8graph bench model.pt --instances 2 --json > bench.json
  int8graph bench bert.pt --shape 1x128,1x128 --dtype int64)",
};

namespace {

constexpr int kMostProfiledCalls = 50;
constexpr int kCallsPerTurn = 5;
constexpr size_t kShownPartitions = 20;

struct Options {
  int threads;
  int instances;
  int iterations;
  int warmup;
};

/// Latencies are in milliseconds.
struct Timing {
  std::vector<std::vector<double>> latencies;  ///< of each instance
  double calls_per_second = 0;
};

struct Comparison {
  double fp32_ms;
  double int8_ms;
};

struct Report {
  double load_ms = 0;
  double first_call_ms = 0;
  double start_to_first_output_ms = 0;
  int64_t peak_memory = 0;
  Timing timing;
  std::optional<CallProfile> profile;
  std::optional<Comparison> fp32;
};

Timing time_instances(jit::Module& model, const Inputs& inputs, const Options& options,
                      Progress& progress) {
  Timing timing{.latencies = std::vector<std::vector<double>>(options.instances)};
  std::vector<double> seconds(options.instances);
  const auto warm_up = [&](int) {
    for (int i = 0; i < options.warmup; ++i) model.forward(inputs);
  };
  run_instances(options.instances, options.threads, warm_up, [&](int instance) {
    auto& latencies = timing.latencies[instance];
    latencies.reserve(options.iterations);
    seconds[instance] = milliseconds_of([&] {
                          for (int i = 0; i < options.iterations; ++i) {
                            latencies.push_back(milliseconds_of([&] { model.forward(inputs); }));
                            if (instance == 0) progress.step();
                          }
                        }) /
                        1000;
  });
  timing.calls_per_second = static_cast<double>(options.iterations) * options.instances /
                            *std::ranges::max_element(seconds);
  return timing;
}

/// Both take turns, so that whatever slows the machine down for a while slows both.
Comparison compare_with_fp32(const std::string& path, jit::Module& model, const Call& call,
                             const Options& options) {
  jit::Module fp32 = jit::freeze(load_fp32(path));
  const Inputs& inputs = call.inputs;
  const Call fp32_call{inputs, "\"" + path + "\", " + call.source};
  std::vector<double> fp32_times;
  std::vector<double> int8_times;
  const auto turn = [&](jit::Module& module, std::vector<double>& times) {
    for (int i = 0; i < kCallsPerTurn; ++i) {
      times.push_back(milliseconds_of([&] { module.forward(inputs); }));
    }
  };
  const int turns = std::max(3, options.iterations / kCallsPerTurn);
  Progress progress("timing fp32 and int8 in turns", turns);
  const auto warm_up = [&](int) {
    for (int i = 0; i < std::max(options.warmup, 3); ++i) {
      naming_call(fp32_call, [&] { fp32.forward(inputs); });
      model.forward(inputs);
    }
  };
  run_instances(1, options.threads, warm_up, [&](int) {
    for (int i = 0; i < turns; ++i) {
      turn(fp32, fp32_times);
      turn(model, int8_times);
      progress.step();
    }
  });
  return {percentile(fp32_times, 0.5), percentile(int8_times, 0.5)};
}

std::vector<double> all_latencies(const Timing& timing) {
  std::vector<double> all;
  for (const auto& latencies : timing.latencies) {
    all.insert(all.end(), latencies.begin(), latencies.end());
  }
  return all;
}

/// Samples of one call, if the first axis of the first input is that of samples.
int64_t batch_of(const Inputs& inputs) {
  const at::Tensor& first = inputs.front().toTensor();
  return first.dim() > 0 ? first.size(0) : 1;
}

Json profile_json(const CallProfile& profile) {
  Json rows = Json::array();
  for (const ProfiledPartition& row : profile.partitions) {
    rows.push_back({{"operators", row.operators}, {"us", row.us}, {"kernel_us", row.kernel_us}});
    rows.back()["overhead_us"] = row.ran_in_kernels() ? Json(row.overhead_us()) : Json();
  }
  return {{"call_ms", profile.call_ms},
          {"outside_partitions_ms", profile.call_ms - profile.partitions_ms()},
          {"partitions", std::move(rows)}};
}

Json to_json(const std::string& path, const Inputs& inputs, const Options& options,
             const Report& report) {
  const std::vector<double> all = all_latencies(report.timing);
  Json json = {
      {"model", path},
      {"inputs", describe_inputs(inputs)},
      {"threads", options.threads},
      {"instances", options.instances},
      {"is_disabled", is_disabled()},
      {"load_ms", report.load_ms},
      {"first_call_ms", report.first_call_ms},
      {"start_to_first_output_ms", report.start_to_first_output_ms},
      {"peak_memory_bytes", report.peak_memory},
      {"latency_ms",
       {{"median", percentile(all, 0.5)},
        {"p90", percentile(all, 0.9)},
        {"p99", percentile(all, 0.99)}}},
      {"calls_per_second", report.timing.calls_per_second},
      {"samples_per_second",
       report.timing.calls_per_second * static_cast<double>(batch_of(inputs))},
      {"latencies_ms", all},
  };
  if (report.profile) json["profile"] = profile_json(*report.profile);
  if (report.fp32) {
    json["fp32"] = {{"fp32_ms", report.fp32->fp32_ms},
                    {"int8_ms", report.fp32->int8_ms},
                    {"ratio", report.fp32->fp32_ms / report.fp32->int8_ms}};
  }
  return json;
}

std::string profile_text(const CallProfile& profile) {
  std::vector<const ProfiledPartition*> rows;
  for (const ProfiledPartition& row : profile.partitions) rows.push_back(&row);
  std::ranges::stable_sort(rows, std::greater(), &ProfiledPartition::us);
  using enum TextTable::Align;
  TextTable table({"us", "share", "overhead us", "#", "partition"},
                  {Right, Right, Right, Right, Left});
  std::vector<double> overheads;
  size_t shown = 0;
  for (const ProfiledPartition* row : rows) {
    if (row->ran_in_kernels()) overheads.push_back(row->overhead_us());
    if (++shown > kShownPartitions) continue;
    table.add({fixed(row->us, 1), fixed(row->us / profile.call_ms / 10, 1) + " %",
               row->ran_in_kernels() ? fixed(row->overhead_us(), 2) : "PyTorch",
               std::to_string(row - profile.partitions.data()), partition_title(row->operators)});
  }
  std::string text = "\n" + table.to_string();
  if (rows.size() > kShownPartitions) {
    text += "... and " + std::to_string(rows.size() - kShownPartitions) +
            " more; --json lists all of them\n";
  }
  text += std::to_string(rows.size()) + " partitions take " + fixed(profile.partitions_ms(), 3) +
          " ms of " + fixed(profile.call_ms, 3) +
          " ms a call; the rest are operators outside of them and the interpreter.\n";
  if (!overheads.empty()) {
    text += "Overhead is what a partition's call spends outside of kernels: " +
            fixed(percentile(overheads, 0.5), 2) + " us in the median.\n";
  }
  if (const size_t left = rows.size() - overheads.size(); left > 0) {
    text += std::to_string(left) + (left == 1 ? " partition is" : " partitions are") +
            " run unfused, by PyTorch; INT8GRAPH_VERBOSE=1 says why.\n";
  }
  return text;
}

std::string to_text(const std::string& path, const Inputs& inputs, const Options& options,
                    const Report& report) {
  const std::vector<double> all = all_latencies(report.timing);
  const auto batch = static_cast<double>(batch_of(inputs));
  std::string shapes;
  for (const Json& input : describe_inputs(inputs)) {
    shapes += (shapes.empty() ? "" : ", ") + input.at("dtype").get<std::string>() + " " +
              in_sizes(input.at("sizes").get<std::vector<int64_t>>());
  }
  using enum TextTable::Align;
  TextTable table({"model", path}, {Left, Left});
  table.add({"inputs", shapes});
  table.add({"threads, instances",
             std::to_string(options.threads) + ", " + std::to_string(options.instances)});
  if (is_disabled()) table.add({"fusion", "none: INT8GRAPH_DISABLE is set"});
  table.add({"load", fixed(report.load_ms, 1) + " ms"});
  table.add({"first call", fixed(report.first_call_ms, 2) + " ms"});
  table.add({"process start to first output", fixed(report.start_to_first_output_ms, 0) + " ms"});
  table.add({"peak memory", in_bytes(report.peak_memory)});
  table.add({"latency", fixed(percentile(all, 0.5), 3) + " ms median, " +
                            fixed(percentile(all, 0.9), 3) + " p90, " +
                            fixed(percentile(all, 0.99), 3) + " p99 (" +
                            std::to_string(all.size()) + " calls)"});
  std::string throughput = fixed(report.timing.calls_per_second, 1) + " calls/s";
  if (batch > 1) {
    throughput += ", " + fixed(report.timing.calls_per_second * batch, 1) + " samples/s";
  }
  table.add({"throughput", throughput});
  if (report.fp32) {
    table.add({"fp32, frozen", fixed(report.fp32->fp32_ms, 3) + " ms median; int8 takes " +
                                   fixed(report.fp32->int8_ms, 3) + " ms in turns with it: " +
                                   fixed(report.fp32->fp32_ms / report.fp32->int8_ms, 2) + "x"});
  }
  std::string text = table.to_string();
  if (report.profile && !report.profile->partitions.empty()) text += profile_text(*report.profile);
  return text;
}

Options read_options(const Arguments& arguments) {
  return {.threads = arguments.integer("--threads", 1, kThreadsRange),
          .instances = arguments.integer("--instances", 1, kThreadsRange),
          .iterations = arguments.integer("--iterations", 100),
          .warmup = arguments.integer("--warmup", 10, {.least = 0})};
}

}  // namespace

void bench(const Arguments& arguments) {
  const Options options = read_options(arguments);
  const GivenInputs given = given_inputs(arguments);
  if (arguments.has("--fp32")) check_fp32(arguments.text("--fp32"));
  const c10::InferenceMode inference;
  at::set_num_threads(options.threads);
  Report report;
  jit::Module model;
  report.load_ms = milliseconds_of([&] { model = load(arguments.file(0)); });
  const Call call = call_for(model, given);
  const Inputs& inputs = call.inputs;
  report.first_call_ms =
      milliseconds_of([&] { naming_call(call, [&] { model.forward(inputs); }); });
  report.start_to_first_output_ms = milliseconds_since_process_start();
  {
    Progress progress("timing", options.iterations);
    report.timing = time_instances(model, inputs, options, progress);
  }
  report.peak_memory = peak_memory();
  if (!arguments.has("--no-profile")) {
    report.profile = profile_partitions(model, inputs,
                                        {.calls = std::min(options.iterations, kMostProfiledCalls),
                                         .warmup = options.warmup,
                                         .threads = options.threads});
  }
  if (arguments.has("--fp32")) {
    report.fp32 = compare_with_fp32(arguments.text("--fp32"), model, call, options);
  }
  const std::string& path = arguments.file(0);
  std::cout << (arguments.has("--json") ? to_json(path, inputs, options, report).dump(2) + "\n"
                                        : to_text(path, inputs, options, report));
}

}  // namespace int8graph
