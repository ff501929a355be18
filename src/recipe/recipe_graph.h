#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "int8graph/quant_conf.h"
#include "ops/operator_table.h"
#include "recipe/recipe.h"

namespace int8graph {

/// Entries seen as a graph: who feeds whom, and what is quantized.
class RecipeGraph {
 public:
  explicit RecipeGraph(const std::vector<OperatorEntry>& entries);

  size_t size() const { return entries_.size(); }
  const OperatorEntry& entry(size_t index) const { return entries_[index]; }
  bool is(size_t index, OpClass op_class) const;

  /// Whether the operator can compute in, or hand through, int8 at all.
  bool has_int8_form(size_t index) const;

  /// Whether it is convolution, linear or matmul, and quantized.
  bool is_int8_compute(size_t index) const;

  /// Whether it is an adaptive average pool, and reads int8.
  bool averages_int8(size_t index) const;

  /// Whether it hands int8 through from all its inputs to all its outputs.
  bool hands_through_int8(size_t index) const;

  /// The output that feeds an input; nothing if no entry does.
  std::optional<Activation> source(size_t index, size_t input) const;

  /// The inputs that read an output, in the order of the entries.
  const std::vector<Activation>& readers(const Activation& output) const;

  bool is_quantized(const Activation& activation) const;

 private:
  const std::vector<OperatorEntry>& entries_;
  std::vector<const Operator*> rows_;  // null for a name that the table does not have
  std::unordered_map<std::string, Activation> outputs_;
  std::unordered_map<std::string, std::vector<Activation>> readers_;
};

}  // namespace int8graph
