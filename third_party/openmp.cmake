# OpenMP for src/executor/parallel.h, by which int8graph's own kernels run on several threads. Only
# GCC's, whose run-time library, libgomp, is the one of libtorch and oneDNN: a process with two of
# them starts twice as many threads as it has cores.

add_library(int8graph_openmp INTERFACE)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  # By the compiler's option, not as a file, beside which CMake would look for it at run time.
  target_compile_options(int8graph_openmp INTERFACE -fopenmp)
  target_link_options(int8graph_openmp INTERFACE -fopenmp)
else()
  message(WARNING "int8graph's own kernels, beside oneDNN's, will run on one thread: OpenMP of "
                  "${CMAKE_CXX_COMPILER_ID} is not that of libtorch. Accepted: GNU.")
endif()
