# Makes the target int8graph::torch from a libtorch folder or from the folder of the Python package.
# Installed with int8graph and used by its CMake package too, which may be optional: what is wrong
# is told in INT8GRAPH_TORCH_ERROR, for the caller to say.
#
# PyTorch's own find_package(Torch) is not used: the one in the CUDA wheel fails on a machine without
# a CUDA toolkit, although nothing of CUDA is needed here. What is needed are two libraries and two
# include folders.
#
# Looked at in this order: Torch_ROOT or TORCH_INSTALL_PREFIX, Torch_DIR, INT8GRAPH_TORCH_HINTS (set
# by the caller), CMAKE_PREFIX_PATH.

set(INT8GRAPH_TORCH_ERROR "")
if(TARGET int8graph::torch)
  return()
endif()

set(_int8graph_torch_places ${Torch_ROOT} $ENV{Torch_ROOT} ${TORCH_INSTALL_PREFIX}
    $ENV{TORCH_INSTALL_PREFIX})
if(Torch_DIR)  # <torch>/share/cmake/Torch
  list(APPEND _int8graph_torch_places "${Torch_DIR}/../../..")
endif()
list(APPEND _int8graph_torch_places ${INT8GRAPH_TORCH_HINTS})
string(REPLACE ":" ";" _int8graph_torch_prefixes "$ENV{CMAKE_PREFIX_PATH}")
foreach(_int8graph_prefix IN LISTS CMAKE_PREFIX_PATH _int8graph_torch_prefixes)
  # A libtorch folder, torch.utils.cmake_prefix_path, or a site-packages folder.
  list(APPEND _int8graph_torch_places "${_int8graph_prefix}" "${_int8graph_prefix}/../.."
       "${_int8graph_prefix}/torch")
endforeach()

set(_int8graph_torch "")
foreach(_int8graph_place IN LISTS _int8graph_torch_places)
  if(EXISTS "${_int8graph_place}/include/torch/csrc/api/include/torch/version.h"
     AND EXISTS "${_int8graph_place}/lib/libtorch_cpu.so"
     AND EXISTS "${_int8graph_place}/lib/libc10.so")
    file(REAL_PATH "${_int8graph_place}" _int8graph_torch)
    break()
  endif()
endforeach()
if(NOT _int8graph_torch)
  list(JOIN _int8graph_torch_places "\n  " _int8graph_places_text)
  string(CONCAT INT8GRAPH_TORCH_ERROR
    "int8graph needs libtorch 2.13: its headers, libtorch_cpu.so and libc10.so. Looked in\n"
    "  ${_int8graph_places_text}\n"
    "Install the Python package torch 2.13 (CPU or CUDA) for the interpreter that CMake uses "
    "(-DPython3_EXECUTABLE=...), or point to it or to a libtorch folder by -DTorch_ROOT=....")
  return()
endif()

# 2.13 keeps the numbers in headeronly/version.h; older releases had them in the API's version.h.
foreach(_int8graph_header torch/headeronly/version.h torch/csrc/api/include/torch/version.h)
  set(_int8graph_header "${_int8graph_torch}/include/${_int8graph_header}")
  if(EXISTS "${_int8graph_header}")
    file(READ "${_int8graph_header}" _int8graph_text)
    if(_int8graph_text MATCHES
       "VERSION_MAJOR ([0-9]+).*VERSION_MINOR ([0-9]+).*VERSION_PATCH ([0-9]+)")
      set(INT8GRAPH_TORCH_VERSION "${CMAKE_MATCH_1}.${CMAKE_MATCH_2}.${CMAKE_MATCH_3}")
      break()
    endif()
  endif()
endforeach()
if(NOT INT8GRAPH_TORCH_VERSION)
  set(INT8GRAPH_TORCH_ERROR
    "The headers in ${_int8graph_torch}/include name no libtorch version.")
elseif(INT8GRAPH_TORCH_VERSION VERSION_LESS 2.13)
  set(INT8GRAPH_TORCH_ERROR
    "${_int8graph_torch} is libtorch ${INT8GRAPH_TORCH_VERSION}; int8graph needs 2.13.")
elseif(INT8GRAPH_TORCH_VERSION VERSION_GREATER_EQUAL 2.14)
  message(WARNING "${_int8graph_torch} is libtorch ${INT8GRAPH_TORCH_VERSION}; int8graph is written "
                  "for 2.13 and may not compile or run with it.")
endif()
if(INT8GRAPH_TORCH_ERROR)
  return()
endif()
message(STATUS "int8graph: libtorch ${INT8GRAPH_TORCH_VERSION} in ${_int8graph_torch}")

set(INT8GRAPH_TORCH_DIR "${_int8graph_torch}")
set(INT8GRAPH_TORCH_LIBRARY_DIR "${_int8graph_torch}/lib")

add_library(int8graph::c10 SHARED IMPORTED)
set_target_properties(int8graph::c10 PROPERTIES
  IMPORTED_LOCATION "${INT8GRAPH_TORCH_LIBRARY_DIR}/libc10.so"
  IMPORTED_SONAME libc10.so)
add_library(int8graph::torch SHARED IMPORTED)
set_target_properties(int8graph::torch PROPERTIES
  IMPORTED_LOCATION "${INT8GRAPH_TORCH_LIBRARY_DIR}/libtorch_cpu.so"
  IMPORTED_SONAME libtorch_cpu.so
  INTERFACE_LINK_LIBRARIES int8graph::c10
  INTERFACE_INCLUDE_DIRECTORIES
    "${_int8graph_torch}/include;${_int8graph_torch}/include/torch/csrc/api/include"
  INTERFACE_COMPILE_DEFINITIONS _GLIBCXX_USE_CXX11_ABI=1
  INTERFACE_COMPILE_FEATURES cxx_std_20
  # The CUDA wheel's libtorch_cpu.so needs CUDA's runtime, which its own search path finds when a
  # program starts; the linker need not find it.
  INTERFACE_LINK_OPTIONS LINKER:--allow-shlib-undefined)
