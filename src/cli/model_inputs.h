#pragma once

#include <torch/script.h>

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/command_line.h"
#include "cli/tensor_files.h"

namespace int8graph {

inline constexpr OptionHelp kShapeOption = {
    "--shape", "SHAPE",
    "sizes of the input, e.g. 1x3x224x224; several inputs by commas,\n"
    "1x128,1x128 (default: what the artifact was converted with)"};
inline constexpr OptionHelp kDtypeOption = {
    "--dtype", "DTYPE",
    "of the inputs: float32 (default), bfloat16, int64, int32, uint8,\n"
    "bool; one for all, or one per input by commas"};
inline constexpr OptionHelp kBatchOption = {"--batch", "N", "samples per call (default: 1)"};
inline constexpr OptionHelp kSamplesOption = {
    "--samples", "N", "use the first N samples only, of a folder the first N files"};

/// More cores than any machine has: a typing error, whose threads would take all memory.
inline constexpr IntegerRange kThreadsRange{.most = 1024};
inline constexpr OptionHelp kThreadsOption = {
    "--threads", "N", "intra-op threads (default: one per core, or OMP_NUM_THREADS)"};

/// Does what --threads says.
void set_threads(const Arguments& arguments);

/// What --batch and --samples say.
BatchOptions batching(const Arguments& arguments);

/// Inputs as the command line tells them, by --data or by --shape and --dtype.
struct GivenInputs {
  std::optional<Call> data;
  std::vector<std::vector<int64_t>> shapes;
  std::vector<c10::ScalarType> dtypes;
};

GivenInputs given_inputs(const Arguments& arguments);

/// What to call a model with: what is given, made up by shapes where it is not data; nothing if
/// nothing is given.
std::optional<Call> given_call(const GivenInputs& given);

/// What to call an artifact with: what is given, else made-up tensors of the shapes that it
/// recorded. @throws UsageError when it recorded none.
Call call_for(const torch::jit::Module& artifact, const GivenInputs& given);

/// [{"dtype": "float32", "sizes": [1, 3, 224, 224]}]
nlohmann::ordered_json describe_inputs(const Inputs& inputs);

}  // namespace int8graph
