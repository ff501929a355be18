#pragma once

#include <unordered_set>

namespace torch::jit {
struct Node;
struct Value;
}  // namespace torch::jit

namespace int8graph {

/// The nodes that may join a region, and what they are to its values.
class Candidates {
 public:
  explicit Candidates(const std::unordered_set<const torch::jit::Node*>& nodes) : nodes_(nodes) {}

  bool contain(const torch::jit::Node& node) const { return nodes_.contains(&node); }

  /// The one that reads the value; null if others do, too.
  torch::jit::Node* only_reader(const torch::jit::Value& value) const;

  /// The quantizer that nobody reads the value beside of; null if there is none.
  torch::jit::Node* quantizer_of(const torch::jit::Value& result) const;

  /// The dequantize of an activation that nobody else reads; null for other values.
  torch::jit::Node* dequantize_of(torch::jit::Value& value) const;

 private:
  const std::unordered_set<const torch::jit::Node*>& nodes_;
};

}  // namespace int8graph
