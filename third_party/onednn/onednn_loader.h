#pragma once

#include <string>

namespace int8graph {

/// What oneDNN may use of this CPU; ONEDNN_MAX_CPU_ISA can hide features from it.
struct CpuFeatures {
  bool vnni = true;  ///< AVX512-VNNI or AVX-VNNI
  bool avx512 = true;
  bool amx = false;  ///< AMX-INT8, whose products are eight times as many

  bool has_avx512_vnni() const { return vnni && avx512; }
};

/// The oneDNN library that was opened.
struct OneDnnLibrary {
  int major = 0;
  int minor = 0;
  int patch = 0;
  std::string hash;  ///< the git commit it was built from
  std::string path;  ///< its file

  CpuFeatures cpu = {};
};

/// Opens libdnnl.so.3 if that has not happened yet and lets the functions of oneDNN's C API, and so
/// its C++ headers, lead to it. Must be called before anything of oneDNN is used. Thread-safe;
/// after the first call it costs next to nothing.
///
/// Why the library is not linked: libtorch_cpu.so holds a hidden oneDNN of another version, but
/// exports a few weak C++ symbols of it (vtables and type infos of std::future results) that
/// libdnnl.so.3 exports too. In one symbol scope, one of the two would run with the other's. Opened
/// here, with a scope of its own that it searches first, oneDNN sees nothing of libtorch, and
/// libtorch nothing of oneDNN.
///
///     dnnl::graph::graph g(...);        // header code, compiled into this library
///       -> dnnl_graph_graph_create      // hidden symbol of this library, `jmp *slot`
///         -> slot                       // filled in by load_onednn()
///           -> libdnnl.so.3
///
/// @throws std::runtime_error when the library can't be found, has other major and minor version
///   numbers than the headers this file was compiled with, is not built for OpenMP or lacks a
///   function. A later call tries again.
const OneDnnLibrary& load_onednn();

}  // namespace int8graph
