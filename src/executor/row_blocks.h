#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

namespace int8graph {

/// Rows are worked off in blocks of a few sizes, so that what is prepared for each size serves
/// every number of rows:
///
///     300 rows = 256 + the last 48, of which 4 are done twice
///      45 rows = 48, of which 3 are padding
///       7 rows = 7
///
/// Each block reads the whole weight, which is most of what a small one costs (BERT-base with 12
/// rows took 11.6 ms as 8 + 8, 12.5 as 8 + 4 and 9.9 as 12). So what is left behind whole 256s and
/// 64s is one block, too. Doing up to 7 rows twice costs less than a block for them alone.
inline constexpr std::array<int64_t, 21> kRowBlockSizes = {
    1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24, 28, 32, 40, 48, 56, 64, 128, 192, 256};

/// Of more rows than this, what does not fill a block is done together with rows before it.
inline constexpr int64_t kWholeBlock = 64;

/// The least size of a block that holds so many rows, up to 256.
inline int64_t row_block_for(int64_t rows) {
  return *std::ranges::lower_bound(kRowBlockSizes, rows);
}

/// How many rows the blocks for `rows` rows read and write: some more if a single block is padded.
inline int64_t padded_rows(int64_t rows) {
  return rows < kWholeBlock ? row_block_for(rows) : rows;
}

/// Calls `run(first_row, row_count)` for one block after the other. The last two may overlap, and
/// they end at padded_rows().
template <typename Run>
void for_each_row_block(int64_t rows, const Run& run) {
  const int64_t end = padded_rows(rows);
  int64_t first = 0;
  for (; end - first >= kRowBlockSizes.back(); first += kRowBlockSizes.back()) {
    run(first, kRowBlockSizes.back());
  }
  if (const int64_t count = (end - first) / kWholeBlock * kWholeBlock; count > 0) {
    run(first, count);
    first += count;
  }
  if (const int64_t count = row_block_for(end - first); first < end) run(end - count, count);
}

}  // namespace int8graph
