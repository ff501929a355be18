#pragma once

#include <cstddef>
#include <vector>

namespace torch::jit {
struct Node;
struct Value;
}  // namespace torch::jit

namespace int8graph {

struct Operator;

/// One place where a node reads an activation: an input of the node itself, or of the node that
/// builds its tensor list.
struct ActivationUse {
  torch::jit::Node* reader;
  size_t offset;

  torch::jit::Value* value() const;
};

/// The activation inputs of a node, in the order of its entry's lists. Numbers and tensors without
/// dimensions, which PyTorch makes of numbers, are no activations.
std::vector<ActivationUse> activations_of(torch::jit::Node& node, const Operator& row);

}  // namespace int8graph
