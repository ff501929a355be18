#include "executor/length_variation.h"

#include <gtest/gtest.h>

namespace int8graph {
namespace {

TEST(LengthVariation, IsNoneWhileLengthsStay) {
  LengthVariation lengths;
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(lengths.notice(7, 9));
}

TEST(LengthVariation, BeginsWithTheSecondLength) {
  LengthVariation lengths;
  EXPECT_FALSE(lengths.notice(7, 9));
  EXPECT_TRUE(lengths.notice(7, 10));
  EXPECT_TRUE(lengths.notice(7, 9));
  EXPECT_TRUE(lengths.notice(7, 9));
}

TEST(LengthVariation, EndsWhenOneLengthStays) {
  LengthVariation lengths;
  lengths.notice(7, 9);
  int padded = 0;
  while (lengths.notice(8, 9)) ASSERT_LT(++padded, 100);
  EXPECT_GT(padded, 10);
  EXPECT_FALSE(lengths.notice(8, 9));
  EXPECT_TRUE(lengths.notice(7, 9));
}

}  // namespace
}  // namespace int8graph
