#pragma once

#include <cstddef>
#include <vector>

#include "int8graph/quant_conf.h"

namespace int8graph {

/// Decides where quantizers stand: sets `inputs_quantized` and `outputs_quantized` of all entries
/// from their names and flows alone. docs/recipe.md tells the rules, with a drawing of each.
void apply_default_recipe(std::vector<OperatorEntry>& entries);

/// The recipe that has no opinion: every input and output of every operator with an int8 form.
void quantize_everything(std::vector<OperatorEntry>& entries);

/// One input or output of an entry.
struct Activation {
  size_t entry;
  size_t position;
  bool is_output;

  bool operator==(const Activation&) const = default;
};

/// The quantized activations that must have equal parameters, so that int8 passes from one operator
/// to the next as it is. An operator that hands int8 through (a pool, a concatenation, a flatten,
/// quantized on all sides) wants the same parameters on all sides; all that read the same output as
/// it does, or read its output, join them. So do convolutions and averages that read the same
/// output: what one of them reads may be a slice of it, and the whole is quantized once for all.
/// Each group's members are in the order of the entries.
std::vector<std::vector<Activation>> groups_of_equal_parameters(
    const std::vector<OperatorEntry>& entries);

}  // namespace int8graph
