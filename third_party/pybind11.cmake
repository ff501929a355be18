# pybind11: the headers that torch ships, not a separate package. torch's Python types (modules,
# tensors) are known to other extension modules only if both were compiled with the same version of
# pybind11's internals: 11 in torch 2.13, 12 in pybind11 3.1.

if(NOT EXISTS "${INT8GRAPH_TORCH_DIR}/include/pybind11/pybind11.h"
   OR NOT EXISTS "${INT8GRAPH_TORCH_LIBRARY_DIR}/libtorch_python.so")
  message(FATAL_ERROR "The Python bindings need torch's Python package; ${INT8GRAPH_TORCH_DIR} is "
                      "a libtorch without Python. Configure with -DINT8GRAPH_BUILD_PYTHON=OFF.")
endif()
add_library(int8graph_torch_python SHARED IMPORTED)
set_target_properties(int8graph_torch_python PROPERTIES
  IMPORTED_LOCATION "${INT8GRAPH_TORCH_LIBRARY_DIR}/libtorch_python.so"
  IMPORTED_SONAME libtorch_python.so
  INTERFACE_LINK_LIBRARIES int8graph::torch)
