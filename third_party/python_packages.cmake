# Python packages that only carry files for C++ (torch, onednn-devel-cpu-gomp, nlohmann-json) are
# asked for by name, without importing them. Works for venvs and for pip's build isolation alike.

# The interpreter that CMake was pointed to, or the first python3 in PATH. None is needed when all
# dependencies are given by CMAKE_PREFIX_PATH and no bindings are built.
if(INT8GRAPH_BUILD_PYTHON)
  find_package(Python3 3.10 REQUIRED COMPONENTS Interpreter Development.Module)
else()
  find_package(Python3 3.10 QUIET COMPONENTS Interpreter)
endif()

# Sets `out` to the folder of an importable module, or to nothing.
function(int8graph_python_module_dir module out)
  set(found "")
  if(Python3_Interpreter_FOUND)
    execute_process(
      COMMAND "${Python3_EXECUTABLE}" -c "
import importlib.util
spec = importlib.util.find_spec('${module}')
print(list(spec.submodule_search_locations)[0] if spec else '', end='')"
      OUTPUT_VARIABLE found ERROR_QUIET)
  endif()
  set(${out} "${found}" PARENT_SCOPE)
endfunction()

# Sets `out` to the folder of the one file named `file` in an installed distribution, or to nothing.
# For files that pip puts outside of site-packages.
function(int8graph_python_file_dir distribution file out)
  set(found "")
  if(Python3_Interpreter_FOUND)
    execute_process(
      COMMAND "${Python3_EXECUTABLE}" -c "
import importlib.metadata, os
for path in importlib.metadata.files('${distribution}') or []:
    if path.name == '${file}':
        print(os.path.realpath(os.path.dirname(path.locate())), end='')"
      OUTPUT_VARIABLE found ERROR_QUIET)
  endif()
  set(${out} "${found}" PARENT_SCOPE)
endfunction()
