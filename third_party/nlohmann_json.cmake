# nlohmann_json: an installed CMake package, else the headers in the Python package nlohmann-json
# (what `pip install .` uses), else upstream's sources. Headers only, used by src/config and src/cli alone.

find_package(nlohmann_json 3.10 CONFIG QUIET)
if(NOT nlohmann_json_FOUND)
  int8graph_python_module_dir(nlohmann_json _json_dir)
  if(EXISTS "${_json_dir}/include/nlohmann/json.hpp")
    add_library(nlohmann_json::nlohmann_json INTERFACE IMPORTED)
    target_include_directories(nlohmann_json::nlohmann_json INTERFACE "${_json_dir}/include")
  else()
    message(STATUS "int8graph: nlohmann_json is not installed (Debian: nlohmann-json3-dev, PyPI: "
                   "nlohmann-json); fetching it")
    include(FetchContent)
    FetchContent_Declare(nlohmann_json
      GIT_REPOSITORY https://github.com/nlohmann/json.git GIT_TAG v3.12.0 GIT_SHALLOW ON)
    FetchContent_MakeAvailable(nlohmann_json)
  endif()
endif()
