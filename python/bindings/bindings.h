#pragma once

#include <pybind11/pybind11.h>

namespace int8graph::python {

void register_quant_conf(pybind11::module_& module);
void register_calibration(pybind11::module_& module);
void register_convert(pybind11::module_& module);

}  // namespace int8graph::python
