#include "cli/model_inputs.h"

#include <ATen/Parallel.h>

#include <nlohmann/json.hpp>

#include "quantize/inspection.h"

namespace int8graph {

void set_threads(const Arguments& arguments) {
  if (arguments.has("--threads")) {
    at::set_num_threads(arguments.integer("--threads", 1, kThreadsRange));
  }
}

BatchOptions batching(const Arguments& arguments) {
  BatchOptions options{.samples = arguments.integer("--samples", -1)};
  if (arguments.has("--batch")) options.batch = arguments.integer("--batch", 1);
  return options;
}

GivenInputs given_inputs(const Arguments& arguments) {
  GivenInputs given;
  if (arguments.has("--data")) {
    for (const char* option : {"--shape", "--dtype"}) {
      if (!arguments.has(option)) continue;
      throw UsageError("option " + std::string(option) + " does not go with --data");
    }
    given.data = read_calls(arguments.text("--data"), {.samples = 1}).front();
    return given;
  }
  if (arguments.has("--shape")) {
    given.shapes = parse_shapes(arguments.text("--shape"));
    given.dtypes = parse_dtypes(arguments.text("--dtype", "float32"), given.shapes.size());
  } else if (arguments.has("--dtype")) {
    throw UsageError("option --dtype needs --shape");
  }
  return given;
}

std::optional<Call> given_call(const GivenInputs& given) {
  if (given.data || given.shapes.empty()) return given.data;
  return Call{made_up_inputs(given.shapes, given.dtypes), "made-up inputs"};
}

Call call_for(const torch::jit::Module& artifact, const GivenInputs& given) {
  if (const auto call = given_call(given)) return *call;
  std::vector<std::vector<int64_t>> shapes;
  std::vector<c10::ScalarType> dtypes;
  for (const InspectedInput& input : recorded_inputs(artifact)) {
    shapes.push_back(input.sizes);
    dtypes.push_back(input.dtype);
  }
  if (shapes.empty()) {
    throw UsageError("missing option --shape: the file does not tell its inputs");
  }
  return {made_up_inputs(shapes, dtypes), "inputs as the file was converted with"};
}

nlohmann::ordered_json describe_inputs(const Inputs& inputs) {
  auto json = nlohmann::ordered_json::array();
  for (const c10::IValue& input : inputs) {
    const at::Tensor& tensor = input.toTensor();
    json.push_back({{"dtype", dtype_name(tensor.scalar_type())}, {"sizes", tensor.sizes().vec()}});
  }
  return json;
}

}  // namespace int8graph
