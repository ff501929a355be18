#include "int8graph/convert.h"

#include <pybind11/pybind11.h>
#include <pybind11/stl/filesystem.h>
#include <torch/csrc/jit/python/pybind_utils.h>

#include <filesystem>

#include "bindings.h"
#include "int8graph/module_io.h"

namespace py = pybind11;

namespace int8graph::python {
namespace {

/// What a call `model(*args, **kwargs)` hands to `forward`, in the order of its parameters and with
/// defaults filled in. A TypeError of Python when they do not fit.
std::vector<c10::IValue> forward_arguments(const torch::jit::Module& model, const py::tuple& args,
                                           const py::kwargs& kwargs) {
  const torch::jit::Method forward = model.get_method("forward");
  torch::jit::Stack stack = torch::jit::createStackForSchema(
      forward.function().getSchema(), torch::jit::tuple_slice(args), kwargs, model._ivalue());
  stack.erase(stack.begin());  // self
  return stack;
}

torch::jit::Module convert_called_with(const torch::jit::Module& model, const QuantConf& conf,
                                       const py::tuple& args, const py::dict& kwargs) {
  std::vector<c10::IValue> inputs =
      forward_arguments(model, args, py::reinterpret_borrow<py::kwargs>(kwargs));
  py::gil_scoped_release no_gil;
  return convert(model, conf, std::move(inputs));
}

void save_to(const torch::jit::Module& module, const std::filesystem::path& path) {
  py::gil_scoped_release no_gil;
  save(module, path.string());
}

}  // namespace

void register_convert(py::module_& module) {
  module.def("convert", &convert_called_with, py::arg("model"), py::arg("conf"), py::arg("args"),
             py::arg("kwargs"));
  module.def("save", &save_to, py::arg("module"), py::arg("path"));
}

}  // namespace int8graph::python
