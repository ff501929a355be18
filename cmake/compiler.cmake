# How everything of ours is compiled. Set before any target is made.

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Release or Debug" FORCE)
endif()
# In all configurations, as libtorch was built with it: some of its inline functions differ without.
add_compile_definitions(NDEBUG)
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(INT8GRAPH_SANITIZE)
  # vptr checks would need the type infos of libtorch's private classes.
  add_compile_options(-fsanitize=${INT8GRAPH_SANITIZE} -fno-sanitize=vptr
                      -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g1)
  # AddressSanitizer stands between a program and dlopen(): only RPATH, not RUNPATH, still counts.
  add_link_options(-fsanitize=${INT8GRAPH_SANITIZE} LINKER:--disable-new-dtags)
else()
  add_link_options(LINKER:--enable-new-dtags)
endif()

find_program(INT8GRAPH_CCACHE ccache)
if(INT8GRAPH_CCACHE AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  # The sloppiness is what ccache needs to work with a precompiled header.
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros "${INT8GRAPH_CCACHE}")
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    add_compile_options(-fpch-preprocess)
  endif()
endif()

# Warnings for our own code; -DCMAKE_COMPILE_WARNING_AS_ERROR=ON makes them errors.
function(int8graph_compile_strictly target)
  target_compile_options(${target} PRIVATE -Wall -Wextra)
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # GCC 12 sees these in std::string's operator+ (GCC bugs 105329, 105651).
    target_compile_options(${target} PRIVATE -Wno-array-bounds -Wno-restrict -Wno-stringop-overflow)
  endif()
endfunction()
