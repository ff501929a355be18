#pragma once

#include <torch/script.h>

#include <string>

#include "int8graph/export.h"

namespace int8graph {

/// torch::jit::load() onto the CPU, with errors that name the path, in one line.
/// @throws std::system_error when the file can't be read, std::invalid_argument when it is no
///   TorchScript file, or one that this process can't run. Exported for the program int8graph.
INT8GRAPH_API torch::jit::Module load_torchscript(const std::string& path);

/// Throws what load_torchscript() would, as far as the archive's table of contents tells it: for
/// the start of long work that needs the model later. Exported for the program int8graph.
INT8GRAPH_API void check_torchscript(const std::string& path);

}  // namespace int8graph
