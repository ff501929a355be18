#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace int8graph {

/// The heaviest common subsequence of two sequences, as pairs of positions in their order.
/// @param weight of a pair of positions: above 0 where the two fit, otherwise 0
std::vector<std::pair<size_t, size_t>> align(
    size_t first_length, size_t second_length,
    const std::function<int64_t(size_t first, size_t second)>& weight);

}  // namespace int8graph
