# oneDNN 3.x (3.2 or newer) built for OpenMP, with the Graph API. By default the PyPI pair
# onednn-devel-cpu-gomp / onednn-cpu-gomp; -Ddnnl_DIR=... or CMAKE_PREFIX_PATH brings another one.
#
# The library is opened at run time, not linked (onednn/onednn_loader.h says why), so this makes
#   int8graph_onednn   headers, and the list of functions to be forwarded; build-time only
#   INT8GRAPH_ONEDNN_LIBRARY_DIR, INT8GRAPH_ONEDNN_LIBRARY   where libdnnl.so.3 lies

int8graph_python_file_dir(onednn-devel-cpu-gomp dnnl-config.cmake _onednn_dir)
set(_saved_policy_minimum "${CMAKE_POLICY_VERSION_MINIMUM}")
set(CMAKE_POLICY_VERSION_MINIMUM 3.10)  # its config file asks for CMake 2.6, which CMake 4 refuses
find_package(dnnl 3.2 CONFIG QUIET HINTS ${_onednn_dir})
set(CMAKE_POLICY_VERSION_MINIMUM "${_saved_policy_minimum}")
if(NOT dnnl_FOUND)
  message(FATAL_ERROR
    "int8graph needs oneDNN 3.2 or newer, built for OpenMP. Install the Python packages "
    "onednn-devel-cpu-gomp==2023.2.0 and onednn-cpu-gomp==2023.2.0, or point to another build by "
    "-Ddnnl_DIR=<prefix>/lib/cmake/dnnl.")
endif()
if(NOT DNNL_CPU_RUNTIME STREQUAL OMP)
  message(FATAL_ERROR "The oneDNN of ${dnnl_DIR} has the CPU runtime ${DNNL_CPU_RUNTIME}; int8graph "
                      "needs OMP, whose threads libtorch uses too.")
endif()

get_target_property(_onednn_include DNNL::dnnl INTERFACE_INCLUDE_DIRECTORIES)
list(GET _onednn_include 0 _onednn_include)
set(_headers "${_onednn_include}/oneapi/dnnl")
if(NOT EXISTS "${_headers}/dnnl_graph.h")
  message(FATAL_ERROR "The oneDNN of ${dnnl_DIR} has no Graph API: no ${_headers}/dnnl_graph.h.")
endif()
file(READ "${_headers}/dnnl_version.h" _version_text)
string(REGEX MATCH "VERSION_MAJOR ([0-9]+).*VERSION_MINOR ([0-9]+).*VERSION_PATCH ([0-9]+)" _
             "${_version_text}")
set(INT8GRAPH_ONEDNN_VERSION "${CMAKE_MATCH_1}.${CMAKE_MATCH_2}.${CMAKE_MATCH_3}")
if(NOT CMAKE_MATCH_1 EQUAL 3 OR INT8GRAPH_ONEDNN_VERSION VERSION_LESS 3.2)
  message(FATAL_ERROR "${_headers} is oneDNN ${INT8GRAPH_ONEDNN_VERSION}; int8graph needs 3.2 or a "
                      "newer 3.x.")
endif()

foreach(_property IMPORTED_LOCATION_RELEASE IMPORTED_LOCATION IMPORTED_LOCATION_NOCONFIG
        IMPORTED_LOCATION_RELWITHDEBINFO IMPORTED_LOCATION_DEBUG)
  get_target_property(_onednn_library DNNL::dnnl ${_property})
  if(_onednn_library)
    break()
  endif()
endforeach()
get_filename_component(INT8GRAPH_ONEDNN_LIBRARY_DIR "${_onednn_library}" DIRECTORY)
set(INT8GRAPH_ONEDNN_LIBRARY "${INT8GRAPH_ONEDNN_LIBRARY_DIR}/libdnnl.so.3")
if(NOT EXISTS "${INT8GRAPH_ONEDNN_LIBRARY}")
  message(FATAL_ERROR "No ${INT8GRAPH_ONEDNN_LIBRARY}: with oneDNN's headers from PyPI, install the "
                      "Python package onednn-cpu-gomp==2023.2.0 too.")
endif()
message(STATUS "int8graph: oneDNN ${INT8GRAPH_ONEDNN_VERSION} in ${INT8GRAPH_ONEDNN_LIBRARY}")

# Every C function that oneDNN's C++ headers call, as X-macro list.
set(_generated "${PROJECT_BINARY_DIR}/third_party/onednn")
set(_functions "")
foreach(_header dnnl_common.h dnnl.h dnnl_graph.h)
  file(READ "${_headers}/${_header}" _text)
  string(REGEX MATCHALL "DNNL_API[ \n*]+dnnl_[a-z0-9_]+\\(" _declarations "${_text}")
  foreach(_declaration IN LISTS _declarations)
    string(REGEX MATCH "dnnl_[a-z0-9_]+" _name "${_declaration}")
    string(APPEND _functions "INT8GRAPH_ONEDNN_FUNCTION(${_name})\n")
  endforeach()
endforeach()
file(CONFIGURE OUTPUT "${_generated}/onednn_functions.inc" CONTENT "${_functions}" @ONLY)

# A folder with nothing but oneDNN in it: CMake would drop /usr/include as an include folder, and
# torch's copy of oneDNN 3.12's headers would be read instead.
file(MAKE_DIRECTORY "${_generated}/include")
file(CREATE_LINK "${_onednn_include}/oneapi" "${_generated}/include/oneapi" SYMBOLIC)

# Sees to it that a target compiles with this oneDNN, not with the headers that torch ships.
function(int8graph_use_onednn target)
  target_include_directories(${target} SYSTEM BEFORE PRIVATE
    "${PROJECT_BINARY_DIR}/third_party/onednn/include")
endfunction()
