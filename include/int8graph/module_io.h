#pragma once

#include <torch/script.h>

#include <string>

#include "int8graph/export.h"

namespace int8graph {

/// Writes what convert() returned to one TorchScript file, with the QuantConf inside as the extra
/// file `int8graph.json`. The file appears whole or not at all: a failed save leaves an older file
/// of that name as it was.
/// @throws std::invalid_argument when `module` does not come from convert(): what load() has fused
///   is no plain TorchScript any more, and its file is there to be copied.
/// @throws std::system_error when the file can't be written; it names the path.
INT8GRAPH_API void save(const torch::jit::Module& module, const std::string& path);

/// Reads an artifact and fuses it at once, so that the very first call is fast. The numbers are
/// those of `torch::jit::load` in a process that links int8graph, which fuses at the second call.
/// With INT8GRAPH_DISABLE=1 in the environment it is `torch::jit::load`, onto the CPU.
/// @throws std::system_error when the file can't be read; std::invalid_argument when it is no
///   int8graph artifact. Both name the path.
INT8GRAPH_API torch::jit::Module load(const std::string& path);

}  // namespace int8graph
