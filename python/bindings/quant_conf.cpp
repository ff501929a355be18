#include "int8graph/quant_conf.h"

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>
#include <torch/csrc/QScheme.h>

#include <filesystem>
#include <optional>
#include <string>

#include "bindings.h"

namespace py = pybind11;

namespace int8graph::python {
namespace {

/// None stands for "not given".
std::optional<QScheme> to_qscheme(const py::object& qscheme) {
  if (qscheme.is_none()) {
    return std::nullopt;
  }
  if (THPQScheme_Check(qscheme.ptr())) {
    const at::QScheme value = reinterpret_cast<THPQScheme*>(qscheme.ptr())->qscheme;
    if (value == at::kPerTensorAffine) {
      return QScheme::PerTensorAffine;
    }
    if (value == at::kPerTensorSymmetric) {
      return QScheme::PerTensorSymmetric;
    }
  }
  throw py::value_error("qscheme is " + std::string(py::str(qscheme)) +
                        "; accepted are torch.per_tensor_affine and torch.per_tensor_symmetric");
}

py::object from_qscheme(QScheme qscheme) {
  return py::module_::import("torch").attr(
      qscheme == QScheme::PerTensorAffine ? "per_tensor_affine" : "per_tensor_symmetric");
}

QuantConf make(const std::optional<std::filesystem::path>& configure_file,
               const py::object& qscheme) {
  const std::optional<QScheme> scheme = to_qscheme(qscheme);
  return configure_file ? QuantConf(configure_file->string(), scheme)
                        : QuantConf(scheme.value_or(QScheme::PerTensorAffine));
}

}  // namespace

void register_quant_conf(py::module_& module) {
  py::class_<QuantConf>(module, "QuantConf",
                        R"(What calibration writes and convert() reads: one entry per operator.

configure_file: a JSON file that save() or Intel Extension for PyTorch 1.10-1.11 wrote; without it
    the configuration is empty, to be filled by calibrate().
qscheme: torch.per_tensor_affine or torch.per_tensor_symmetric; by default that of the file, and
    affine without a file.

Raises OSError if the file can't be read, ValueError if its content is not valid.)")
      .def(py::init(&make), py::arg("configure_file") = py::none(), py::arg("qscheme") = py::none())
      .def(
          "save",
          [](const QuantConf& conf, const std::filesystem::path& configure_file) {
            conf.save(configure_file.string());
          },
          py::arg("configure_file"),
          "Writes the JSON file, which appears whole or not at all. Raises OSError if it can't be "
          "written, ValueError if there is nothing to write yet.")
      .def("to_json", &QuantConf::to_json, "The text that save() writes.")
      .def_property_readonly(
          "qscheme", [](const QuantConf& conf) { return from_qscheme(conf.qscheme()); },
          "torch.per_tensor_affine or torch.per_tensor_symmetric.")
      .def("__len__", [](const QuantConf& conf) { return conf.entries().size(); })
      .def("__deepcopy__", [](const QuantConf& conf, const py::dict&) { return QuantConf(conf); })
      .def("__repr__", [](const QuantConf& conf) {
        return "<int8graph.QuantConf: " + std::to_string(conf.entries().size()) + " operators, " +
               std::string(py::str(from_qscheme(conf.qscheme()))) + ">";
      });
}

}  // namespace int8graph::python
