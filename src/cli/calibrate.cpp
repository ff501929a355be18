#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <iostream>
#include <optional>

#include "cli/commands.h"
#include "cli/model_files.h"
#include "cli/model_inputs.h"
#include "cli/naming_call.h"
#include "cli/progress.h"
#include "cli/tensor_files.h"
#include "config/atomic_file.h"
#include "int8graph/calibration.h"

namespace int8graph {

const CommandHelp kCalibrate = {
    .name = "calibrate",
    .summary = "run an fp32 model on data and write down the ranges of its activations",
    .files = {"FP32"},
    .options =
        {
            {"--data", "PATH", "inputs, see above (needed)"},
            {"--conf", "FILE", "the configuration to write (default: configure.json)"},
            {"--from", "FILE",
             "a configuration to go on from, e.g. one in which algorithms were\n"
             "edited: its algorithms, flags and, without --scheme, its scheme count"},
            kBatchOption,
            kSamplesOption,
            kThreadsOption,
            {"--scheme", "SCHEME", "affine: uint8 with zero points (default); symmetric: int8"},
            {"--no-recipe", "",
             "a quantizer at every place that has an int8 form, not where the\n"
             "default recipe puts them"},
        },
    .text =
        R"(Runs a TorchScript model on data, a few hundred typical inputs, and writes configure.json: where
quantizers stand, and their scales. It may be edited by hand before "int8graph convert" reads it.

Data is one of
  x.npy, x.pt  a tensor: samples along the first axis, cut into batches
  x.pt         a tuple of tensors, one per input of the model: cut likewise
  x.pt         a list: one call per element, a tensor or a tuple of tensors
  a folder     one call per .npy or .pt file in it, in the order of their names
where .pt files are what torch.save() writes.

Examples:
  int8graph calibrate fp32.pt --data images.npy --samples 300
  int8graph calibrate fp32.pt --data batches/ --scheme symmetric --conf symmetric.json
  int8graph calibrate fp32.pt --data images.npy --from edited.json --conf configure.json)",
};

namespace {

QuantConf first_conf(const Arguments& arguments) {
  const bool is_symmetric = arguments.choice("--scheme", {"affine", "symmetric"}) == "symmetric";
  const QScheme scheme = is_symmetric ? QScheme::PerTensorSymmetric : QScheme::PerTensorAffine;
  if (!arguments.has("--from")) return QuantConf(scheme);
  return QuantConf(arguments.text("--from"),
                   arguments.has("--scheme") ? std::optional(scheme) : std::nullopt);
}

}  // namespace

void calibrate(const Arguments& arguments) {
  QuantConf conf = first_conf(arguments);
  const BatchOptions batches = batching(arguments);
  const std::string data = arguments.required("--data");
  const std::string conf_path = arguments.text("--conf", "configure.json");
  set_threads(arguments);

  check_writable(conf_path);
  torch::jit::Module model = load_fp32(arguments.file(0));
  const std::vector<Call> calls = read_calls(data, batches);
  const c10::InferenceMode inference;
  {
    Progress progress("calibrating", calls.size());
    for (const Call& call : calls) {
      naming_call(call, [&] {
        Calibration scope(conf, {.default_recipe = !arguments.has("--no-recipe")});
        model.forward(call.inputs);
        scope.finish();
      });
      progress.step();
    }
  }
  conf.save(conf_path);
  const auto quantized = std::ranges::count_if(conf.entries(), [](const OperatorEntry& entry) {
    return std::ranges::find(entry.inputs_quantized, true) != entry.inputs_quantized.end();
  });
  std::cout << conf_path << ": " << conf.entries().size() << " operators, " << quantized
            << " to be quantized, seen in " << calls.size() << " calls\n";
}

}  // namespace int8graph
