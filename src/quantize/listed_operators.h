#pragma once

#include <string_view>
#include <vector>

namespace torch::jit {
struct Block;
struct Node;
}  // namespace torch::jit

namespace int8graph {

/// An operator of an fp32 graph or of an artifact's, under the name that its configuration has.
struct ListedOperator {
  torch::jit::Node* node;  ///< makes its output
  std::string_view name;   ///< from the operator table
  bool is_quantized;       ///< computes in int8, or reads an int8 table
};

/// The recorded operators of a graph before the passes, in execution order; those of sub-blocks
/// before the node that owns them. What decompose_attention() wrote counts as the one operator that
/// it was:
///
///     %f = aten::matmul(%q8, %kt)
///     %g = aten::div(%f, 4.)                              left out, as parts of attention
///     %a = aten::add(%g, %mask, 1)
///     %p = aten::softmax(%a, -1, None)
///     %y = aten::matmul(%p8, %v8)       listed as scaled_dot_product_attention
std::vector<ListedOperator> list_operators(torch::jit::Block& block);

}  // namespace int8graph
