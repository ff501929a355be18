#pragma once

#include <cstddef>
#include <optional>

#include "passes/quantizers.h"

namespace torch::jit {
struct Graph;
struct Value;
}  // namespace torch::jit

namespace int8graph {

/// A quantized input of a partition.
struct QuantizedInput {
  size_t argument;  ///< which of the partition's inputs
  QuantizerParameters parameters;
};

/// Which of the subgraph's inputs the value is; nothing for other values.
std::optional<size_t> input_position(const torch::jit::Graph& subgraph,
                                     const torch::jit::Value& value);

/// The partition's input that a value is dequantized from; nothing for other values.
std::optional<QuantizedInput> quantized_input(const torch::jit::Graph& subgraph,
                                              const torch::jit::Value& dequantized);

}  // namespace int8graph
