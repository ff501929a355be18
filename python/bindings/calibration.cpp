#include "int8graph/calibration.h"

#include <pybind11/pybind11.h>

#include "bindings.h"

namespace py = pybind11;

namespace int8graph::python {

void register_calibration(py::module_& module) {
  py::class_<Calibration>(module, "Calibration", "Observes this thread; see int8graph.calibrate.")
      .def(py::init([](QuantConf& conf, bool default_recipe) {
             CalibrationOptions options;
             options.default_recipe = default_recipe;
             return std::make_unique<Calibration>(conf, options);
           }),
           py::arg("conf"), py::kw_only(), py::arg("default_recipe"), py::keep_alive<1, 2>())
      .def("finish", &Calibration::finish)
      .def("abandon", &Calibration::abandon);
}

}  // namespace int8graph::python
