#include <pybind11/pybind11.h>

#include <system_error>

#include "bindings.h"
#include "int8graph/version.h"

namespace py = pybind11;

namespace {

/// std::system_error becomes the subclass of OSError that its errno stands for, for example
/// FileNotFoundError. pybind11 turns std::invalid_argument into ValueError by itself.
void translate_system_error(std::exception_ptr exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const std::system_error& error) {
    PyErr_SetObject(PyExc_OSError, py::make_tuple(error.code().value(), error.what()).ptr());
  }
}

}  // namespace

PYBIND11_MODULE(_C, module) {
  module.doc() = "Bindings of libint8graph; use the package int8graph.";
  module.attr("__version__") = INT8GRAPH_VERSION;
  py::register_local_exception_translator(translate_system_error);
  int8graph::python::register_quant_conf(module);
  int8graph::python::register_calibration(module);
  int8graph::python::register_convert(module);
}
