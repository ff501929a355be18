#pragma once

#include <array>
#include <cstdint>

namespace int8graph {

/// Rows that are worked off in blocks of a few sizes, so that what is prepared for each size serves
/// every number of rows:
///
///     300 rows = 256 + 40 + the last 8, of which 4 are done twice          7 rows = 7
///
/// The sizes are 256, multiples of 64 below that and multiples of 8 below 64, as the digits of a
/// number; less than 8 rows are a block of their own. Measured (768 to 3072 channels, one core), a
/// row costs 12.5 us in blocks of 64 rows and more, 12.5 to 13.7 in blocks of 8 to 56, and a block
/// of 1 to 7 rows as much as 4 to 7 rows: doing some rows twice costs no more than a block for them
/// alone, and one kind of block for each such number would have to be made.
inline constexpr std::array<int64_t, 3> kRowBlocks = {256, 64, 8};

/// All sizes that for_each_row_block() comes up with for 8 rows and more.
inline constexpr std::array<int64_t, 11> kRowBlockSizes = {256, 192, 128, 64, 56, 48,
                                                           40,  32,  24,  16, 8};

/// Calls `run(first_row, row_count)` for one block after the other. The last two may overlap.
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
  if (first == rows) return;
  if (const int64_t smallest = kRowBlocks.back(); rows > smallest) {
    run(rows - smallest, smallest);
  } else {
    run(first, rows - first);
  }
}

}  // namespace int8graph
