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

TEST(RowBlocks, AreLargeOnesAndOneForTheRest) {
  EXPECT_EQ(blocks_of(128), (Blocks{{0, 128}}));
  EXPECT_EQ(blocks_of(296), (Blocks{{0, 256}, {256, 40}}));
  EXPECT_EQ(blocks_of(456), (Blocks{{0, 256}, {256, 192}, {448, 8}}));
  EXPECT_EQ(blocks_of(512), (Blocks{{0, 256}, {256, 256}}));
}

TEST(RowBlocks, TheLastOneOverlapsWhereItIsLargerThanTheRest) {
  EXPECT_EQ(blocks_of(65), (Blocks{{0, 64}, {64, 1}}));
  EXPECT_EQ(blocks_of(197), (Blocks{{0, 192}, {192, 5}}));
  EXPECT_EQ(blocks_of(300), (Blocks{{0, 256}, {252, 48}}));
}

TEST(RowBlocks, OfFewRowsASingleOneIsPadded) {
  EXPECT_EQ(blocks_of(7), (Blocks{{0, 7}}));
  EXPECT_EQ(blocks_of(9), (Blocks{{0, 12}}));
  EXPECT_EQ(blocks_of(45), (Blocks{{0, 48}}));
  EXPECT_EQ(padded_rows(45), 48);
  EXPECT_EQ(padded_rows(101), 101);
}

TEST(RowBlocks, CoverAllRowsWithAFewSizes) {
  std::set<int64_t> sizes;
  for (int64_t rows = 1; rows < 2000; ++rows) {
    int64_t covered = 0;
    for (const auto& [first, count] : blocks_of(rows)) {
      EXPECT_LE(first, covered);
      EXPECT_GE(first, 0);
      covered = first + count;
      sizes.insert(count);
    }
    EXPECT_EQ(covered, padded_rows(rows));
    EXPECT_GE(covered, rows);
  }
  EXPECT_TRUE(std::ranges::equal(sizes, kRowBlockSizes));
}

}  // namespace
}  // namespace int8graph
