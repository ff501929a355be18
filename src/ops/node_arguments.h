#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace at {
class Tensor;
}

namespace torch::jit {
struct Node;
struct Value;
}  // namespace torch::jit

namespace int8graph {

/// Thrown inside a row's lowering when a node has no oneDNN Graph form; lower_node() turns it into
/// a Reason. It never leaves src/ops.
struct NotLowerable {
  std::string reason;
};

/// The arguments of a TorchScript node, read as the constants that oneDNN Graph's attributes need.
/// Each reader throws NotLowerable when the argument is not a constant of that type.
class NodeArguments {
 public:
  explicit NodeArguments(torch::jit::Node& node) : node_(node) {}

  torch::jit::Node& node() const { return node_; }
  size_t size() const;
  torch::jit::Value* value(size_t i) const;  ///< a tensor argument
  bool is_none(size_t i) const;
  bool is_tensor(size_t i) const;
  bool boolean(size_t i) const;
  int64_t integer(size_t i) const;
  double number(size_t i) const;  ///< a float or an int
  std::string string(size_t i) const;

  /// An int list; a single element stands for `length` equal ones, as in PyTorch's own arguments.
  std::vector<int64_t> integers(size_t i, size_t length) const;
  std::vector<int64_t> integers(size_t i) const;

  /// The elements of a tensor list that is built right before the node.
  std::vector<torch::jit::Value*> list(size_t i) const;

 private:
  torch::jit::Node& node_;
};

/// The number of an int constant; nullopt for other values.
std::optional<int64_t> constant_integer(const torch::jit::Value* value);

/// The tensor of a constant, or of a constant behind aten::dequantize; nullopt for other values.
std::optional<at::Tensor> constant_tensor(const torch::jit::Value* value);

}  // namespace int8graph
