#include "executor/row_blocks.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace int8graph {
namespace {

std::vector<int64_t> blocks_of(int64_t rows) {
  std::vector<int64_t> counts;
  int64_t next = 0;
  for_each_row_block(rows, [&](int64_t first, int64_t count) {
    EXPECT_EQ(first, next);
    next += count;
    counts.push_back(count);
  });
  EXPECT_EQ(next, rows);
  return counts;
}

TEST(RowBlocks, AreTheDigitsOfTheNumberOfRows) {
  EXPECT_EQ(blocks_of(0), (std::vector<int64_t>{}));
  EXPECT_EQ(blocks_of(7), (std::vector<int64_t>{7}));
  EXPECT_EQ(blocks_of(8), (std::vector<int64_t>{8}));
  EXPECT_EQ(blocks_of(128), (std::vector<int64_t>{128}));
  EXPECT_EQ(blocks_of(197), (std::vector<int64_t>{192, 5}));
  EXPECT_EQ(blocks_of(300), (std::vector<int64_t>{256, 40, 4}));
  EXPECT_EQ(blocks_of(512), (std::vector<int64_t>{256, 256}));
}

TEST(RowBlocks, AreOfAFewSizes) {
  std::set<int64_t> sizes;
  for (int64_t rows = 1; rows < 2000; ++rows) {
    for (const int64_t count : blocks_of(rows)) sizes.insert(count);
  }
  EXPECT_EQ(sizes.size(), kRowBlockSizes);
}

}  // namespace
}  // namespace int8graph
