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

/// All tensors that a node reads, also by its attached nodes (ops/attached_nodes.h).
std::vector<ActivationUse> tensors_read_by(torch::jit::Node& node);

/// Those of them that decide the result's dtype by PyTorch's type promotion: not the weights of
/// norms, masks, and tensors without dimensions.
std::vector<ActivationUse> dtype_operands(torch::jit::Node& node);

}  // namespace int8graph
