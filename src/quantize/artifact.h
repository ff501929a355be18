#pragma once

#include <torch/script.h>

#include <string>
#include <vector>

#include "int8graph/export.h"

namespace int8graph {

/// What an artifact knows of itself, held as attributes of its module.
struct ArtifactFacts {
  /// The QuantConf. In a file it stands as an extra file of its own and the attribute is empty, so
  /// that it takes its room once.
  std::string conf_json;
  /// What it was converted with. For each input of forward: its dtype (a c10::ScalarType), then its
  /// sizes. Empty when an input was no tensor.
  std::vector<std::vector<int64_t>> inputs;
};

/// Exported for the program int8graph.
INT8GRAPH_API bool is_artifact(const torch::jit::Module& module);
void write_facts(torch::jit::Module& module, const ArtifactFacts& facts);
ArtifactFacts read_facts(const torch::jit::Module& module);

/// The facts of a call's arguments, and arguments of zeros that fit such facts.
std::vector<std::vector<int64_t>> input_facts(const std::vector<c10::IValue>& inputs);
std::vector<c10::IValue> inputs_of_zeros(const std::vector<std::vector<int64_t>>& facts);

}  // namespace int8graph
