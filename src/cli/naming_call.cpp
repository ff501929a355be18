#include "cli/naming_call.h"

#include "cli/one_line.h"
#include "cli/text_table.h"
#include "quantize/inspection.h"

namespace int8graph {

std::string describe(const Call& call) {
  std::string inputs;
  for (const c10::IValue& input : call.inputs) {
    const at::Tensor& tensor = input.toTensor();
    inputs += (inputs.empty() ? "" : ", ") + dtype_name(tensor.scalar_type()) + " " +
              in_sizes(tensor.sizes().vec());
  }
  return call.source + " (" + inputs + ")";
}

std::runtime_error failure_of(const Call& call, const std::exception& error) {
  return std::runtime_error(describe(call) + ": " + one_line(error));
}

}  // namespace int8graph
