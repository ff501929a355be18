#include "recipe/recipe_graph.h"

#include <algorithm>

namespace int8graph {

namespace {

bool all(const std::vector<bool>& flags) {
  return std::find(flags.begin(), flags.end(), false) == flags.end();
}

}  // namespace

RecipeGraph::RecipeGraph(const std::vector<OperatorEntry>& entries) : entries_(entries) {
  for (size_t i = 0; i < entries.size(); ++i) {
    rows_.push_back(find_operator_by_name(entries[i].name));
    for (size_t k = 0; k < entries[i].outputs_flow.size(); ++k) {
      outputs_.emplace(entries[i].outputs_flow[k], Activation{i, k, true});
    }
    for (size_t k = 0; k < entries[i].inputs_flow.size(); ++k) {
      readers_[entries[i].inputs_flow[k]].push_back({i, k, false});
    }
  }
}

bool RecipeGraph::is(size_t index, OpClass op_class) const {
  return rows_[index] != nullptr && rows_[index]->op_class == op_class;
}

bool RecipeGraph::has_int8_form(size_t index) const {
  const Operator* row = rows_[index];
  if (row == nullptr) return false;
  const size_t inputs = entries_[index].inputs_flow.size();
  switch (row->op_class) {
    case OpClass::Conv:
    case OpClass::Linear:
      return inputs == 1 && !entries_[index].weight_scales.empty();  // none: computed at run time
    case OpClass::MatMul:
      return inputs >= 2;
    case OpClass::Add:
      return inputs == 2;
    case OpClass::Pool:
    case OpClass::Average:
    case OpClass::Concat:
    case OpClass::Shape:
      return inputs > 0;
    default:
      return false;
  }
}

bool RecipeGraph::is_int8_compute(size_t index) const {
  return rows_[index] != nullptr && rows_[index]->is_compute() && has_int8_form(index) &&
         all(entries_[index].inputs_quantized);
}

bool RecipeGraph::averages_int8(size_t index) const {
  return is(index, OpClass::Average) && has_int8_form(index) &&
         all(entries_[index].inputs_quantized);
}

bool RecipeGraph::hands_through_int8(size_t index) const {
  return (is(index, OpClass::Pool) || is(index, OpClass::Concat) || is(index, OpClass::Shape)) &&
         has_int8_form(index) && all(entries_[index].inputs_quantized) &&
         all(entries_[index].outputs_quantized);
}

std::optional<Activation> RecipeGraph::source(size_t index, size_t input) const {
  const auto found = outputs_.find(entries_[index].inputs_flow[input]);
  if (found == outputs_.end()) return std::nullopt;
  return found->second;
}

const std::vector<Activation>& RecipeGraph::readers(const Activation& output) const {
  static const std::vector<Activation> kNone;
  const auto found = readers_.find(entries_[output.entry].outputs_flow[output.position]);
  return found == readers_.end() ? kNone : found->second;
}

bool RecipeGraph::is_quantized(const Activation& activation) const {
  const OperatorEntry& entry = entries_[activation.entry];
  return (activation.is_output ? entry.outputs_quantized
                               : entry.inputs_quantized)[activation.position];
}

}  // namespace int8graph
