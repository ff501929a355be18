#pragma once

#include <vector>

#include "passes/regions.h"

namespace torch::jit {
struct Node;
}

namespace int8graph {

/// What is known of nodes before oneDNN Graph is asked. It matches hundreds of patterns against
/// each node, 0.6 s of the 2 s that it took to load BERT-base, for what mostly are these regions:
///
///     %y = int8graph::dequantize(%x, ...)
///     %w = aten::dequantize(%constant)
///     %z = aten::linear(%y, %w, %b)              a convolution or product of int8 operands
///     %g = aten::gelu(%z, ...)                   element-wise operations
///     %s = aten::add(%g, %residual, 1)           or arithmetic with a second operand
///     %q = aten::quantize_per_tensor(%s, ...)    may be missing
///
///     %y = int8graph::dequantize(%x, ...)
///     %p = aten::max_pool2d(%y, ...)             a pool, or aten::cat of several such tensors with
///     %q = aten::quantize_per_tensor(%p, ...)    the same parameters on all sides
///
///     %s = aten::softmax(%x, -1, None)           a softmax or layer norm, and a quantizer whose
///     %q = aten::quantize_per_tensor(%s, ...)    zero point is 0
///
/// Nobody else reads a value between two of a region's operations. What a convolution or product
/// makes may be read twice right behind it, where both ways join again: x * sigmoid(x). The second
/// operand of a sum right behind it may be dequantized inside, too, if it has the result's dtype,
/// or if the result is in fp32 and of a layer of the kind below.
///
/// More than three such operations, and PReLU with a slope for each channel, join behind layers
/// that primitives compute with anything behind them: takes_any_post_ops() in
/// ops/op_properties.h. All else oneDNN Graph 3.2 takes as one partition, so a region that no
/// primitive runs is still compiled as a whole. It would let a quantizer of an activation join in
/// the place of a weight, which is slower than PyTorch's, and sums of mixed int8 dtypes, which it
/// computes wrongly.
struct KnownRegions {
  std::vector<Region> regions;

  /// Why nodes surely stay with PyTorch: they have no form in oneDNN Graph, or read nothing int8.
  Reasons outside;

  /// The others, in execution order, for oneDNN Graph to be asked about.
  std::vector<torch::jit::Node*> unknown;
};

/// @param nodes in execution order, none with side effects
KnownRegions find_known_regions(const std::vector<torch::jit::Node*>& nodes);

/// What to say of a node that oneDNN Graph could run, but that gains nothing from it.
const char* why_not_worth_it(const torch::jit::Node& node);

}  // namespace int8graph
