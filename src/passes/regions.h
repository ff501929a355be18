#pragma once

#include <string>
#include <unordered_map>
#include <vector>

namespace torch::jit {
struct Node;
}

namespace int8graph {

/// Nodes that run as one, in execution order.
using Region = std::vector<torch::jit::Node*>;

/// Why nodes stay with PyTorch.
using Reasons = std::unordered_map<const torch::jit::Node*, std::string>;

}  // namespace int8graph
