#pragma once

#include <vector>

#include "int8graph/quant_conf.h"

namespace int8graph {

/// Brings entries that Intel Extension for PyTorch 1.10-1.11 wrote to the form of our own; leaves
/// those of our own form, and what makes no sense in either, as they are.
///
/// - Version 1.10 names flows `conv2d.0.input` and `conv2d.0.output`; with two inputs
///   `add.3.input1` and `add.3.input2`. They become `conv2d0.input0`, `conv2d0.output0`,
///   `add3.input0` and `add3.input1`: which input it is follows from the position in the list.
/// - Its map from tensors to names outlived the tensors, so that an input of a later batch may name
///   the output of an entry that comes after it. Such an input is taken as one that no entry feeds.
/// - In-place operators and dropout have flow names only. They get parameters that mean nothing
///   (scale 1, zero point 0), marked as not quantized.
///
/// How algorithm and weight scales are spelt differently is read_entry()'s work.
void adopt_ipex_form(std::vector<OperatorEntry>& entries);

/// Symmetric when all activations are int8, affine otherwise and when there are none.
QScheme scheme_of(const std::vector<OperatorEntry>& entries);

}  // namespace int8graph
