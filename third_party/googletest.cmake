# GoogleTest: an installed CMake package, else the source package of Debian and its kin, else
# upstream's sources.

find_package(GTest QUIET)
if(NOT GTest_FOUND)
  set(INSTALL_GTEST OFF)
  set(BUILD_GMOCK OFF)
  set(INT8GRAPH_GOOGLETEST_SOURCE /usr/src/googletest CACHE PATH "A GoogleTest source tree")
  if(EXISTS "${INT8GRAPH_GOOGLETEST_SOURCE}/CMakeLists.txt")
    add_subdirectory("${INT8GRAPH_GOOGLETEST_SOURCE}" "${PROJECT_BINARY_DIR}/third_party/googletest"
                     EXCLUDE_FROM_ALL)
  else()
    message(STATUS "int8graph: GoogleTest is not installed (Debian: libgtest-dev); fetching it")
    include(FetchContent)
    FetchContent_Declare(googletest
      GIT_REPOSITORY https://github.com/google/googletest.git GIT_TAG v1.15.2 GIT_SHALLOW ON)
    FetchContent_MakeAvailable(googletest)
  endif()
  if(NOT TARGET GTest::gtest_main)
    add_library(GTest::gtest_main ALIAS gtest_main)
  endif()
endif()
