#include "executor/attention_blocks.h"

#include <gtest/gtest.h>

#include <set>

namespace int8graph {
namespace {

AttentionSizes square(int64_t heads, int64_t length) {
  return {.batch = 1,
          .heads = heads,
          .queries = length,
          .keys = length,
          .width = 64,
          .value_width = 64};
}

TEST(AttentionSizes, AreOfRank3And4) {
  const auto sizes = attention_sizes({2, 3, 5, 4}, {2, 3, 4, 7}, {2, 3, 7, 6});
  ASSERT_TRUE(sizes);
  EXPECT_EQ(sizes->batch, 2);
  EXPECT_EQ(sizes->heads, 3);
  EXPECT_EQ(sizes->queries, 5);
  EXPECT_EQ(sizes->keys, 7);
  EXPECT_EQ(sizes->width, 4);
  EXPECT_EQ(sizes->value_width, 6);
  EXPECT_EQ(attention_sizes({3, 5, 4}, {3, 4, 7}, {3, 7, 6})->batch, 1);
  EXPECT_FALSE(attention_sizes({5, 4}, {4, 7}, {7, 6}));
  EXPECT_FALSE(attention_sizes({1, 1, 1, 5, 4}, {1, 1, 1, 4, 7}, {1, 1, 1, 7, 6}));
}

TEST(AttentionSizes, MustMultiplyWithoutBroadcasting) {
  EXPECT_FALSE(attention_sizes({3, 5, 4}, {3, 5, 7}, {3, 7, 6}));
  EXPECT_FALSE(attention_sizes({3, 5, 4}, {3, 4, 7}, {3, 4, 6}));
  EXPECT_FALSE(attention_sizes({3, 5, 4}, {1, 4, 7}, {3, 7, 6}));
  EXPECT_FALSE(attention_sizes({3, 5, 4}, {3, 4, 7}, {7, 6}));
  EXPECT_FALSE(attention_sizes({2, 3, 5, 4}, {2, 3, 4, 7}, {1, 3, 7, 6}));
}

TEST(AttentionBlock, HoldsAllWhereThatIsLittle) {
  for (const int64_t length : {1, 128, 197}) {
    const AttentionBlock block = attention_block(square(12, length), 1);
    EXPECT_EQ(block.batch, 1);
    EXPECT_EQ(block.heads, 12);
    EXPECT_EQ(block.queries, length);
  }
}

TEST(AttentionBlock, HoldsSomeSequences) {
  AttentionSizes sizes = square(12, 128);  // 960 KB each
  sizes.batch = 32;
  EXPECT_EQ(attention_block(sizes, 1).batch, 4);
  EXPECT_EQ(attention_block(sizes, 1).heads, 12);
  EXPECT_EQ(attention_block(sizes, 2).batch, 8);
  sizes.batch = 7;
  EXPECT_EQ(attention_block(sizes, 1).batch, 1);
  EXPECT_EQ(attention_block(sizes, 2).batch, 7);
}

TEST(AttentionBlock, HoldsSomeHeadsOrSomeQueriesOfOne) {
  const AttentionBlock heads = attention_block(square(64, 200), 1);
  EXPECT_EQ(heads.heads, 4);
  EXPECT_EQ(heads.queries, 200);
  const AttentionBlock whisper = attention_block(square(8, 1500), 1);
  EXPECT_EQ(whisper.heads, 1);
  EXPECT_EQ(whisper.queries, 137);  // 11 times, of which 7 rows are done twice
}

TEST(AttentionBlock, IsLargerForMoreThreads) {
  EXPECT_EQ(attention_block(square(12, 600), 1).queries, 300);
  EXPECT_EQ(attention_block(square(12, 600), 4).heads, 2);
  EXPECT_EQ(attention_block(square(12, 600), 4).queries, 600);
  EXPECT_EQ(attention_block(square(8, 1500), 4).queries, 500);
}

TEST(PaddedLength, IsTheNextOfAFew) {
  EXPECT_EQ(padded_length(1), 1);
  EXPECT_EQ(padded_length(2), 16);
  EXPECT_EQ(padded_length(16), 16);
  EXPECT_EQ(padded_length(17), 32);
  EXPECT_EQ(padded_length(256), 256);
  EXPECT_EQ(padded_length(257), 288);
  EXPECT_EQ(padded_length(513), 576);
  std::set<int64_t> lengths;
  for (int64_t length = 2; length <= 512; ++length) {
    EXPECT_GE(padded_length(length), length);
    lengths.insert(padded_length(length));
  }
  EXPECT_EQ(lengths.size(), 24);
}

}  // namespace
}  // namespace int8graph
