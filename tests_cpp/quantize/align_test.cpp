#include "quantize/align.h"

#include <gtest/gtest.h>

#include <string>

namespace int8graph {
namespace {

/// The letters that two words have in common, in their order; capitals weigh 10.
std::string common(const std::string& first, const std::string& second) {
  const auto weight = [&](size_t i, size_t j) -> int64_t {
    if (first[i] != second[j]) return 0;
    return first[i] < 'a' ? 10 : 1;
  };
  std::string letters;
  for (const auto& [i, j] : align(first.size(), second.size(), weight)) {
    EXPECT_EQ(first[i], second[j]);
    letters += first[i];
  }
  return letters;
}

TEST(Align, EqualSequencesArePairedWhole) {
  EXPECT_EQ(common("abab", "abab"), "abab");
}

TEST(Align, WhatOneSideHasMoreIsLeftOut) {
  EXPECT_EQ(common("abcd", "acd"), "acd");
  EXPECT_EQ(common("acd", "abcxd"), "acd");
  EXPECT_EQ(common("abc", "xyz"), "");
}

TEST(Align, OneHeavyPairCountsMoreThanManyLightOnes) {
  EXPECT_EQ(common("Xabc", "abcX"), "X");
}

TEST(Align, NothingFitsNothing) {
  EXPECT_EQ(common("", "abc"), "");
  EXPECT_EQ(common("abc", ""), "");
}

}  // namespace
}  // namespace int8graph
