#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/commands.h"
#include "cli/model_files.h"
#include "cli/model_inputs.h"
#include "cli/naming_call.h"
#include "cli/progress.h"
#include "cli/tensor_files.h"
#include "cli/text_table.h"
#include "int8graph/module_io.h"
#include "int8graph/quant_conf.h"
#include "quantize/operator_noise.h"

namespace int8graph {

namespace jit = torch::jit;
using Json = nlohmann::ordered_json;

const CommandHelp kCompare = {
    .name = "compare",
    .summary =
        "tell how far an artifact's outputs are from the fp32 model's, and which operators lose",
    .files = {"FP32", "MODEL"},
    .options =
        {
            {"--data", "PATH", "inputs, as for \"int8graph calibrate\" (needed)"},
            kBatchOption,
            kSamplesOption,
            kThreadsOption,
            {"--no-operators", "", "compare the outputs only, which is much faster"},
            {"--top", "N", "how many operators to print (default: 15)"},
            {"--json", "", "print everything measured as JSON"},
        },
    .text =
        R"(Runs the fp32 model and the artifact on the same data. SQNR is the ratio of signal to quantization
noise, 10 log10(sum of squares of fp32 / sum of squares of the differences), in decibels.

Operators are listed by the SQNR at their output when they alone are quantized, the worst first: these
are the ones to leave in fp32 (inputs_quantized in the configuration's entry of that id) if accuracy is
missing. Beside it stands the SQNR with all operators before them quantized too. An output that holds
NaN or infinity is an error.

Examples:
  int8graph compare fp32.pt model.pt --data images.npy --samples 20
  int8graph compare fp32.pt model.pt --data images.npy --no-operators --json)",
};

namespace {

/// One output of the model, over all calls.
struct OutputComparison {
  NoiseSums sums;
  double dot = 0;
  double squares = 0;  ///< of the artifact's output
  double largest_difference = 0;
  int64_t rows = 0;  ///< along the last axis, with more than one element
  int64_t rows_with_same_argmax = 0;

  double cosine() const {
    const double lengths = std::sqrt(sums.signal * squares);
    return lengths == 0 ? 1 : dot / lengths;
  }

  void add(const at::Tensor& fp32, const at::Tensor& int8) {
    sums.add(fp32, int8);
    const at::Tensor a = fp32.to(at::kDouble);
    const at::Tensor b = int8.to(at::kDouble);
    dot += (a * b).sum().item<double>();
    squares += b.square().sum().item<double>();
    if (a.numel() == 0) return;
    largest_difference = std::max(largest_difference, (a - b).abs().max().item<double>());
    if (a.dim() > 0 && a.size(-1) > 1) {
      const at::Tensor same = a.argmax(-1).eq(b.argmax(-1));
      rows += same.numel();
      rows_with_same_argmax += same.sum().item<int64_t>();
    }
  }
};

void gather_tensors(const c10::IValue& value, std::vector<at::Tensor>& tensors) {
  if (value.isTensor()) {
    tensors.push_back(value.toTensor());
  } else if (value.isTuple()) {
    for (const auto& element : value.toTupleRef().elements()) gather_tensors(element, tensors);
  } else if (value.isList()) {
    for (const c10::IValue& element : value.toListRef()) gather_tensors(element, tensors);
  } else if (value.isGenericDict()) {
    for (const auto& entry : value.toGenericDict()) gather_tensors(entry.value(), tensors);
  }
}

/// Nothing can be said of noise around NaN and infinity.
void check_finite(const std::vector<at::Tensor>& outputs, const std::string& whose) {
  for (size_t i = 0; i < outputs.size(); ++i) {
    const auto others = outputs[i].isfinite().logical_not_().sum().item<int64_t>();
    if (others == 0) continue;
    throw std::runtime_error("output " + std::to_string(i) + " of " + whose +
                             " is NaN or infinite in " + std::to_string(others) + " of " +
                             std::to_string(outputs[i].numel()) + " numbers");
  }
}

void compare_call(jit::Module& fp32, jit::Module& int8, const Inputs& inputs,
                  std::vector<OutputComparison>& outputs) {
  std::vector<at::Tensor> wanted;
  std::vector<at::Tensor> got;
  gather_tensors(fp32.forward(inputs), wanted);
  gather_tensors(int8.forward(inputs), got);
  bool fits = wanted.size() == got.size();
  for (size_t i = 0; fits && i < got.size(); ++i) fits = wanted[i].sizes() == got[i].sizes();
  if (!fits) {
    throw std::invalid_argument(
        "the two models return outputs of different number or shape; does the artifact come from "
        "this fp32 model?");
  }
  check_finite(wanted, "the fp32 model");
  check_finite(got, "the artifact");
  outputs.resize(got.size());
  for (size_t i = 0; i < got.size(); ++i) outputs[i].add(wanted[i], got[i]);
}

std::vector<OutputComparison> compare_outputs(jit::Module& fp32, jit::Module& int8,
                                              const std::vector<Call>& calls) {
  std::vector<OutputComparison> outputs;
  Progress progress("comparing outputs", calls.size());
  for (const Call& call : calls) {
    naming_call(call, [&] { compare_call(fp32, int8, call.inputs, outputs); });
    progress.step();
  }
  return outputs;
}

/// Operators, the worst first, and those of one side only.
struct OperatorComparison {
  std::vector<OperatorNoise> rows;
  std::vector<std::string> unpaired;
};

/// None for a file that torch.jit.save() has written again, which leaves the configuration out.
std::vector<OperatorEntry> entries_of(const std::string& json, const std::string& path) {
  if (json.empty()) return {};
  return QuantConf::from_json(json, "the configuration in \"" + path + "\"").entries();
}

OperatorComparison compare_operators(const jit::Module& fp32, const std::string& path,
                                     const std::vector<Call>& calls) {
  jit::ExtraFilesMap files = {{"int8graph.json", ""}};
  const jit::Module artifact = jit::load(path, c10::kCPU, files);
  OperatorNoiseMeter meter(fp32, artifact, entries_of(files.at("int8graph.json"), path));
  Progress progress("comparing operators", calls.size());
  for (const Call& call : calls) {
    naming_call(call, [&] { meter.add(call.inputs); });
    progress.step();
  }
  OperatorComparison operators{meter.result(), meter.unpaired()};
  // NaN compares with nothing; it is as bad as can be.
  std::ranges::stable_sort(operators.rows, {}, [](const OperatorNoise& row) {
    const double value = row.alone.sqnr();
    return std::isnan(value) ? -std::numeric_limits<double>::infinity() : value;
  });
  return operators;
}

std::string decibels_text(const NoiseSums& sums) {
  const double value = sums.sqnr();
  if (std::isfinite(value)) return fixed(value, 1);
  return std::isnan(value) ? "nan" : value > 0 ? "equal" : "-inf";
}

/// JSON has no infinity: null stands for equal tensors, "-inf" and "nan" for noise without signal
/// and for what is no number.
Json decibels(const NoiseSums& sums) {
  const double value = sums.sqnr();
  if (std::isfinite(value)) return value;
  return value > 0 ? Json(nullptr) : Json(decibels_text(sums));
}

void print_json(size_t calls, const std::vector<OutputComparison>& outputs,
                const OperatorComparison& operators) {
  Json json = {{"calls", calls}, {"outputs", Json::array()}, {"operators", Json::array()}};
  for (const OutputComparison& output : outputs) {
    Json row = {{"sqnr_db", decibels(output.sums)},
                {"cosine", output.cosine()},
                {"largest_difference", output.largest_difference}};
    if (output.rows > 0) {
      row["same_argmax"] =
          static_cast<double>(output.rows_with_same_argmax) / static_cast<double>(output.rows);
    }
    json["outputs"].push_back(std::move(row));
  }
  for (const OperatorNoise& row : operators.rows) {
    json["operators"].push_back({{"name", row.name},
                                 {"id", row.id ? Json(*row.id) : Json()},
                                 {"position", row.position},
                                 {"is_quantized", row.is_quantized},
                                 {"alone_sqnr_db", decibels(row.alone)},
                                 {"together_sqnr_db", decibels(row.together)}});
  }
  json["operators_of_one_side"] = operators.unpaired;
  std::cout << json.dump(2) << "\n";
}

void print_text(size_t calls, const std::vector<OutputComparison>& outputs,
                const OperatorComparison& operators, size_t top) {
  using enum TextTable::Align;
  TextTable table({"output", "SQNR dB", "cosine", "largest difference", "same argmax"},
                  {Left, Right, Right, Right, Right});
  for (size_t i = 0; i < outputs.size(); ++i) {
    const OutputComparison& output = outputs[i];
    table.add({std::to_string(i), decibels_text(output.sums), fixed(output.cosine(), 6),
               fixed(output.largest_difference, 4),
               output.rows == 0 ? ""
                                : std::to_string(output.rows_with_same_argmax) + "/" +
                                      std::to_string(output.rows)});
  }
  std::cout << calls << " calls\n" << table.to_string();
  if (operators.rows.empty()) return;
  TextTable worst({"alone dB", "together dB", "id", "operator", ""},
                  {Right, Right, Right, Left, Left});
  const size_t shown = std::min(top, operators.rows.size());
  for (size_t i = 0; i < shown; ++i) {
    const OperatorNoise& row = operators.rows[i];
    worst.add({decibels_text(row.alone), decibels_text(row.together),
               row.id ? std::to_string(*row.id) : "", row.name,
               row.is_quantized ? "int8" : "fp32"});
  }
  std::cout << "\noperators, the worst " << shown << " of " << operators.rows.size() << " first\n"
            << worst.to_string();
  for (const std::string& unpaired : operators.unpaired) {
    std::cout << "not compared, the other side has none: " << unpaired << "\n";
  }
}

}  // namespace

void compare(const Arguments& arguments) {
  const BatchOptions batches = batching(arguments);
  const auto top = static_cast<size_t>(arguments.integer("--top", 15));
  const std::string data = arguments.required("--data");
  set_threads(arguments);

  jit::Module fp32 = load_fp32(arguments.file(0));
  jit::Module int8 = load(arguments.file(1));
  const std::vector<Call> calls = read_calls(data, batches);
  const c10::InferenceMode inference;
  const auto outputs = compare_outputs(fp32, int8, calls);
  OperatorComparison operators;
  if (!arguments.has("--no-operators")) {
    operators = compare_operators(fp32, arguments.file(1), calls);
  }
  if (arguments.has("--json")) {
    print_json(calls.size(), outputs, operators);
  } else {
    print_text(calls.size(), outputs, operators, top);
  }
}

}  // namespace int8graph
