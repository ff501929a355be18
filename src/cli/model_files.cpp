#include "cli/model_files.h"

#include <caffe2/serialize/inline_container.h>

#include <filesystem>
#include <stdexcept>
#include <system_error>

namespace int8graph {

namespace jit = torch::jit;

namespace {

constexpr const char* kConfRecord = "extra/int8graph.json";

}  // namespace

jit::Module load_fp32(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    if (!error) error = std::make_error_code(std::errc::no_such_file_or_directory);
    throw std::system_error(error, "can't read \"" + path + "\"");
  }
  jit::Module module;
  try {
    if (caffe2::serialize::PyTorchStreamReader(path).hasRecord(kConfRecord)) {
      throw std::invalid_argument("\"" + path +
                                  "\" is an int8 artifact already; wanted is the fp32 model");
    }
    module = jit::load(path);
  } catch (const c10::Error&) {
    throw std::invalid_argument("\"" + path +
                                "\" is not a TorchScript file; in Python, "
                                "torch.jit.trace(model, x).save(path) makes one");
  }
  if (module.hasattr("training")) module.eval();
  return module;
}

std::string conf_of(const std::string& path) {
  caffe2::serialize::PyTorchStreamReader reader(path);
  const auto [data, size] = reader.getRecord(kConfRecord);
  return {static_cast<const char*>(data.get()), size};
}

}  // namespace int8graph
