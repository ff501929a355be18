# What is installed where. All search paths in the installed files are set here; nothing needs
# LD_LIBRARY_PATH.
#
#   plain:  <prefix>/{include,lib,bin,lib/cmake/int8graph}; libtorch and oneDNN are found where they
#           were at build time
#   wheel:  site-packages/int8graph/{include,lib,lib/cmake/int8graph}, the program in <prefix>/bin;
#           everything is found relative to the file that needs it, in the same Python environment

include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(programs_dir ${CMAKE_INSTALL_BINDIR})
if(SKBUILD)
  set(CMAKE_INSTALL_LIBDIR lib)
  set(programs_dir ${SKBUILD_SCRIPTS_DIR})
  # site-packages/int8graph/lib -> site-packages/torch/lib, and <prefix>/lib with libdnnl.so.3
  set(library_rpath "$ORIGIN/../../torch/lib" "$ORIGIN/../../../../../lib")
  foreach(site_packages site-packages dist-packages)  # the latter is Debian's own Python
    set(site "$ORIGIN/../lib/python${Python3_VERSION_MAJOR}.${Python3_VERSION_MINOR}/${site_packages}")
    list(APPEND program_rpath "${site}/int8graph/lib" "${site}/torch/lib")
  endforeach()
  set(torch_hint "\${CMAKE_CURRENT_LIST_DIR}/../../../../torch")
  set(onednn_hint "\${CMAKE_CURRENT_LIST_DIR}/../../../../../../../lib")
else()
  set(library_rpath "${INT8GRAPH_TORCH_LIBRARY_DIR}" "${INT8GRAPH_ONEDNN_LIBRARY_DIR}")
  set(program_rpath "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}" "${INT8GRAPH_TORCH_LIBRARY_DIR}")
  set(torch_hint "${INT8GRAPH_TORCH_DIR}")
  set(onednn_hint "${INT8GRAPH_ONEDNN_LIBRARY_DIR}")
endif()

set_target_properties(int8graph PROPERTIES INSTALL_RPATH "${library_rpath}")
install(TARGETS int8graph EXPORT int8graphTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(TARGET int8graph_cli)
  set_target_properties(int8graph_cli PROPERTIES INSTALL_RPATH "${program_rpath}")
  install(TARGETS int8graph_cli RUNTIME DESTINATION ${programs_dir})
endif()
install(DIRECTORY include/int8graph DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

string(REGEX MATCH "^[0-9]+\\.[0-9]+" torch_minor_version ${INT8GRAPH_TORCH_VERSION})
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/int8graph)
configure_package_config_file(cmake/int8graphConfig.cmake.in int8graphConfig.cmake
  INSTALL_DESTINATION ${package_dir} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(int8graphConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(EXPORT int8graphTargets NAMESPACE int8graph:: DESTINATION ${package_dir})
install(FILES third_party/torch.cmake
              ${PROJECT_BINARY_DIR}/int8graphConfig.cmake
              ${PROJECT_BINARY_DIR}/int8graphConfigVersion.cmake
        DESTINATION ${package_dir})
