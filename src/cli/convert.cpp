#include "int8graph/convert.h"

#include <ATen/core/grad_mode.h>

#include <filesystem>
#include <iostream>
#include <optional>
#include <stdexcept>

#include "cli/commands.h"
#include "cli/model_files.h"
#include "cli/model_inputs.h"
#include "cli/naming_call.h"
#include "cli/text_table.h"
#include "config/atomic_file.h"
#include "config/autocast.h"
#include "int8graph/module_io.h"
#include "quantize/inspection.h"

namespace int8graph {

const CommandHelp kConvert = {
    .name = "convert",
    .summary = "make the int8 file of an fp32 model and its configuration",
    .files = {"FP32"},
    .options =
        {
            {"--conf", "FILE", "what calibration wrote (default: configure.json)"},
            {"-o, --output", "FILE", "the int8 file to write (needed)"},
            {"--shape", "SHAPE",
             "sizes of the input, e.g. 1x3x224x224; several inputs by commas,\n"
             "1x128,1x128"},
            kDtypeOption,
            {"--data", "FILE", "in place of --shape: the first call in FILE (.npy, .pt)"},
            {"--autocast", "DTYPE",
             "of what stays out of int8: bfloat16 or float16, where\n"
             "torch.autocast has them; none (default): float32"},
        },
    .text =
        R"(Puts quantizers where the configuration says so, stores weights as int8 and writes one TorchScript
file that any libtorch process runs. It records the input's shape: loading it compiles for that one,
and its first call is fast. Without --shape and --data the first call compiles. Other shapes work in
either case.

Examples:
  int8graph convert fp32.pt --conf configure.json --shape 1x3x224x224 -o model.pt
  int8graph convert bert_fp32.pt --shape 1x128,1x128 --dtype int64 -o bert.pt)",
};

namespace {

std::optional<c10::ScalarType> chosen_autocast(const Arguments& arguments) {
  const std::string name = arguments.choice("--autocast", {"none", "bfloat16", "float16"});
  if (name == "none") return {};
  return name == "bfloat16" ? c10::kBFloat16 : c10::kHalf;
}

/// Names the configuration or the inputs, whichever what went wrong may be the fault of.
torch::jit::Module converted(const torch::jit::Module& model, const QuantConf& conf,
                             const Call& call, const std::string& conf_path) {
  try {
    return convert(model, conf, call.inputs);
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument("with \"" + conf_path + "\": " + error.what());
  } catch (const std::exception& error) {
    if (call.inputs.empty()) throw;
    throw failure_of(call, error);
  }
}

}  // namespace

void convert(const Arguments& arguments) {
  const std::string output = arguments.required("--output");
  const std::string conf_path = arguments.text("--conf", "configure.json");
  check_writable(output);
  const GivenInputs given = given_inputs(arguments);
  const Call call = given_call(given).value_or(Call{});

  const std::string& fp32_path = arguments.file(0);
  const torch::jit::Module model = load_fp32(fp32_path);
  const QuantConf conf(conf_path);
  const at::NoGradGuard no_gradients;
  const AutocastScope autocast(chosen_autocast(arguments));
  save(converted(model, conf, call, conf_path), output);

  const auto before = static_cast<int64_t>(std::filesystem::file_size(fp32_path));
  const auto after = static_cast<int64_t>(std::filesystem::file_size(output));
  std::cout << output << ": " << in_bytes(after) << ", the fp32 file has " << in_bytes(before)
            << "\n";
}

}  // namespace int8graph
