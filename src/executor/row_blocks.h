#pragma once

#include <array>
#include <cstdint>

namespace int8graph {

/// Rows that are worked off in blocks of a few sizes, so that what is prepared for each size serves
/// every number of rows:
///
///     300 rows = 256 + 40 + 4          197 rows = 192 + 5          7 rows = 7
///
/// The sizes are multiples of 256, of 64 below 256, of 8 below 64, and 1 to 7: as the digits of a
/// number. Measured (768 to 3072 channels, one core), a row costs 12.5 us in blocks of 64 rows and
/// more, 12.5 to 13.7 in blocks of 8 to 56, and a block of 1 to 7 rows as much as 4 to 7 rows.
inline constexpr std::array<int64_t, 4> kRowBlocks = {256, 64, 8, 1};

/// How many sizes for_each_row_block() can come up with: 256, 3 of 64s, 7 of 8s, and 1 to 7.
inline constexpr size_t kRowBlockSizes = 1 + 3 + 7 + 7;

/// Calls `run(first_row, row_count)` for one block after the other.
template <typename Run>
void for_each_row_block(int64_t rows, const Run& run) {
  int64_t first = 0;
  for (; rows - first >= kRowBlocks.front(); first += kRowBlocks.front()) {
    run(first, kRowBlocks.front());
  }
  for (size_t i = 1; i < kRowBlocks.size(); ++i) {
    if (const int64_t count = (rows - first) / kRowBlocks[i] * kRowBlocks[i]; count > 0) {
      run(first, count);
      first += count;
    }
  }
}

}  // namespace int8graph
