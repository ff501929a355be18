#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace int8graph {

/// Rows whose number varies from call to call are worked off in blocks of a few sizes, so that what
/// is prepared for each size serves every number of rows:
///
///     300 rows = 256 + the last 44
///     197 rows = 200, of which 3 are padding
///       7 rows = 7
///
/// Each block reads the whole weight, which is most of what a small one costs (BERT-base with 12
/// rows took 11.6 ms as 8 + 8, 12.5 as 8 + 4 and 9.9 as 12). So up to 256 rows are one block, and
/// so is what is left behind whole 256s. The sizes are so dense that padding is at most one row of
/// 33, 3 of 65 and 7 of 129.
inline constexpr auto kRowBlockSizes = [] {
  std::array<int64_t, 80> sizes{};
  size_t count = 0;
  int64_t rows = 0;
  for (const auto& [step, end] : {std::array<int64_t, 2>{1, 32}, {2, 64}, {4, 128}, {8, 256}}) {
    while (rows < end) sizes[count++] = rows += step;
  }
  return sizes;
}();

/// The least size of a block that holds so many rows, up to 256.
inline int64_t row_block_for(int64_t rows) {
  return *std::ranges::lower_bound(kRowBlockSizes, rows);
}

/// How the rows of a call are worked off.
enum class RowSplit {
  None,   ///< all at once, by what is prepared for this number of rows
  Blocks  ///< in blocks of kRowBlockSizes
};

/// How many rows are read and written for `rows` rows: some more if a single block is padded.
inline int64_t padded_rows(int64_t rows, RowSplit split) {
  const bool is_padded = split == RowSplit::Blocks && rows < kRowBlockSizes.back();
  return is_padded ? row_block_for(rows) : rows;
}

/// Calls `run(first_row, row_count)` for one block after the other. The last two may overlap, and
/// they end at padded_rows().
template <typename Run>
void for_each_row_block(int64_t rows, RowSplit split, const Run& run) {
  if (split == RowSplit::None) return run(0, rows);
  const int64_t end = padded_rows(rows, split);
  int64_t first = 0;
  for (; end - first >= kRowBlockSizes.back(); first += kRowBlockSizes.back()) {
    run(first, kRowBlockSizes.back());
  }
  if (const int64_t count = row_block_for(end - first); first < end) run(end - count, count);
}

}  // namespace int8graph
