#include "cli/model_files.h"

#include <caffe2/serialize/inline_container.h>

#include <stdexcept>

#include "quantize/artifact.h"
#include "quantize/torchscript_file.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

[[noreturn]] void refuse_artifact(const std::string& path) {
  throw std::invalid_argument("\"" + path +
                              "\" is an int8 artifact already; wanted is the fp32 model");
}

}  // namespace

jit::Module load_fp32(const std::string& path) {
  jit::Module module = load_torchscript(path);
  if (is_artifact(module)) refuse_artifact(path);
  if (module.hasattr("training")) module.eval();
  return module;
}

void check_fp32(const std::string& path) {
  check_torchscript(path);
  if (holds_conf(path)) refuse_artifact(path);
}

bool holds_conf(const std::string& path) {
  return caffe2::serialize::PyTorchStreamReader(path).hasRecord("extra/int8graph.json");
}

}  // namespace int8graph
