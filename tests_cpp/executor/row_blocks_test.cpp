#include "executor/row_blocks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

namespace int8graph {
namespace {

using Blocks = std::vector<std::pair<int64_t, int64_t>>;  // first row, number of rows

Blocks blocks_of(int64_t rows) {
  Blocks blocks;
  for_each_row_block(rows, [&](int64_t first, int64_t count) { blocks.push_back({first, count}); });
  return blocks;
}

TEST(RowBlocks, AreTheDigitsOfTheNumberOfRows) {
  EXPECT_EQ(blocks_of(0), (Blocks{}));
  EXPECT_EQ(blocks_of(7), (Blocks{{0, 7}}));
  EXPECT_EQ(blocks_of(8), (Blocks{{0, 8}}));
  EXPECT_EQ(blocks_of(128), (Blocks{{0, 128}}));
  EXPECT_EQ(blocks_of(296), (Blocks{{0, 256}, {256, 40}}));
  EXPECT_EQ(blocks_of(512), (Blocks{{0, 256}, {256, 256}}));
}

TEST(RowBlocks, TheLastOnesOverlapWhereLessThanABlockIsLeft) {
  EXPECT_EQ(blocks_of(9), (Blocks{{0, 8}, {1, 8}}));
  EXPECT_EQ(blocks_of(197), (Blocks{{0, 192}, {189, 8}}));
  EXPECT_EQ(blocks_of(300), (Blocks{{0, 256}, {256, 40}, {292, 8}}));
}

TEST(RowBlocks, CoverAllRowsWithAFewSizes) {
  std::set<int64_t> sizes;
  for (int64_t rows = 8; rows < 2000; ++rows) {
    int64_t covered = 0;
    for (const auto& [first, count] : blocks_of(rows)) {
      EXPECT_LE(first, covered);
      covered = first + count;
      sizes.insert(count);
    }
    EXPECT_EQ(covered, rows);
  }
  EXPECT_TRUE(std::ranges::is_permutation(sizes, kRowBlockSizes));
}

}  // namespace
}  // namespace int8graph
