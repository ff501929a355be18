#pragma once

#include <torch/script.h>

#include <string>

namespace int8graph {

/// Reads an fp32 TorchScript file for inference.
/// @throws std::system_error when it can't be read, std::invalid_argument when it is no TorchScript
///   file or an int8graph artifact. Both name the path.
torch::jit::Module load_fp32(const std::string& path);

/// Throws what load_fp32() would, as far as it can be told without loading the model.
void check_fp32(const std::string& path);

/// Whether an artifact's file still holds its configuration, which torch.jit.save() leaves out.
bool holds_conf(const std::string& path);

}  // namespace int8graph
