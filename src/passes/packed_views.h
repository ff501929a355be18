#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "passes/writes.h"

namespace torch::jit {
struct Node;
struct Value;
}  // namespace torch::jit

namespace int8graph {

/// A part of what a packed projection makes.
struct PackedPart {
  int64_t first, count;      ///< its channels
  torch::jit::Value* value;  ///< what its readers read
};

/// How a model takes a packed projection apart.
struct PackedViews {
  std::vector<PackedPart> parts;

  /// Writes, where the graph inserts, the views that a part goes through which was computed alone.
  /// @param count its channels
  std::function<torch::jit::Value*(torch::jit::Value* part, int64_t count)> rewrite;
};

/// The views behind a linear layer with a constant weight that take its parts, of 16 channels at
/// least, in one of these forms, where nobody reads anything else in between:
///
///     aten::split(%y, %n, -1)                                    a list of parts; or chunk, which
///                                                                a reshape may precede
///
///     %r = aten::reshape(%y, [%batch, %length, 3, %heads, %n])   a dimension of parts; permute may
///     %p = aten::permute(%r, [2, 0, 3, 1, 4])                    move it, and unbind may divide it
///     %q = aten::select(%p, 0, 0)
///
///     %1 = aten::unflatten(%y, -1, [3, %n])                      as nn.MultiheadAttention has it
///     %2 = aten::unsqueeze(%1, 0)
///     %3 = aten::transpose(%2, 0, -2)
///     %4 = aten::squeeze(%3, -2)
///     %p = aten::contiguous(%4, 0)
///     %q = aten::select(%p, 0, 0)
///
/// Nothing for others, and where it is not sure which channels a part has.
std::optional<PackedViews> packed_views(torch::jit::Node& linear, const WrittenValues& written);

}  // namespace int8graph
