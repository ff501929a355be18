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
  for_each_row_block(rows, RowSplit::Blocks, [&](int64_t first, int64_t count) {
    blocks.push_back({first, count});
  });
  return blocks;
}

TEST(RowBlocks, AreLargeOnesAndOneForTheRest) {
  EXPECT_EQ(blocks_of(256), (Blocks{{0, 256}}));
  EXPECT_EQ(blocks_of(296), (Blocks{{0, 256}, {256, 40}}));
  EXPECT_EQ(blocks_of(456), (Blocks{{0, 256}, {256, 200}}));
  EXPECT_EQ(blocks_of(512), (Blocks{{0, 256}, {256, 256}}));
}

TEST(RowBlocks, TheLastOneOverlapsWhereItIsLargerThanTheRest) {
  EXPECT_EQ(blocks_of(257), (Blocks{{0, 256}, {256, 1}}));
  EXPECT_EQ(blocks_of(300), (Blocks{{0, 256}, {256, 44}}));
  EXPECT_EQ(blocks_of(321), (Blocks{{0, 256}, {253, 68}}));
}

TEST(RowBlocks, OfFewRowsASingleOneIsPadded) {
  EXPECT_EQ(blocks_of(7), (Blocks{{0, 7}}));
  EXPECT_EQ(blocks_of(33), (Blocks{{0, 34}}));
  EXPECT_EQ(blocks_of(197), (Blocks{{0, 200}}));
  EXPECT_EQ(padded_rows(197, RowSplit::Blocks), 200);
  EXPECT_EQ(padded_rows(300, RowSplit::Blocks), 300);
}

TEST(RowBlocks, AreNotNeededForANumberOfRowsThatStays) {
  Blocks blocks;
  for_each_row_block(300, RowSplit::None, [&](int64_t first, int64_t count) {
    blocks.push_back({first, count});
  });
  EXPECT_EQ(blocks, (Blocks{{0, 300}}));
  EXPECT_EQ(padded_rows(197, RowSplit::None), 197);
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
    EXPECT_EQ(covered, padded_rows(rows, RowSplit::Blocks));
    EXPECT_GE(covered, rows);
  }
  EXPECT_TRUE(std::ranges::equal(sizes, kRowBlockSizes));
}

}  // namespace
}  // namespace int8graph
