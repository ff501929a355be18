#include "quantize/torchscript_file.h"

#include <c10/util/Exception.h>
#include <caffe2/serialize/inline_container.h>

#include <filesystem>
#include <stdexcept>
#include <system_error>

#include "config/first_line.h"

namespace int8graph {

namespace {

[[noreturn]] void refuse_format(const std::string& path) {
  throw std::invalid_argument("\"" + path +
                              "\" is not a TorchScript file, or is damaged; in Python, "
                              "torch.jit.trace(model, x).save(path) writes one");
}

/// The zip reader's own words tell of archives and records, and help nobody.
[[noreturn]] void refuse(const std::string& path, const std::string& message) {
  if (message.find("PytorchStreamReader") != std::string::npos) refuse_format(path);
  throw std::invalid_argument("can't load \"" + path + "\": " + first_line(message));
}

void check_file(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_regular_file(path, error)) return;
  if (!error) error = std::make_error_code(std::errc::no_such_file_or_directory);
  throw std::system_error(error, "can't read \"" + path + "\"");
}

}  // namespace

torch::jit::Module load_torchscript(const std::string& path) {
  check_file(path);
  try {
    return torch::jit::load(path, c10::kCPU);  // it may have been saved on a GPU
  } catch (const c10::Error& refusal) {
    refuse(path, refusal.what_without_backtrace());
  } catch (const std::exception& refusal) {  // of the parser: an unknown operator
    refuse(path, refusal.what());
  }
}

void check_torchscript(const std::string& path) {
  check_file(path);
  try {
    // What torch.save() writes is such an archive too, but without this.
    if (caffe2::serialize::PyTorchStreamReader(path).hasRecord("constants.pkl")) return;
  } catch (const c10::Error& refusal) {
    refuse(path, refusal.what_without_backtrace());
  }
  refuse_format(path);
}

}  // namespace int8graph
