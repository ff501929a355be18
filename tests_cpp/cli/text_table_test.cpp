#include "cli/text_table.h"

#include <gtest/gtest.h>

namespace int8graph {
namespace {

using enum TextTable::Align;

TEST(TextTable, ColumnsAreAsWideAsTheirWidestCell) {
  TextTable table({"name", "us"}, {Left, Right});
  table.add({"conv2d+relu", "7.5"});
  table.add({"add", "1200.0"});
  EXPECT_EQ(table.to_string(),
            "name             us\n"
            "conv2d+relu     7.5\n"
            "add          1200.0\n");
}

TEST(TextTable, LinesEndWithoutSpaces) {
  TextTable table({"a", ""}, {Left, Left});
  table.add({"", ""});
  table.add({"b", "long"});
  EXPECT_EQ(table.to_string(), "a\n\nb  long\n");
}

TEST(TextTable, CountsCharactersAndNotBytes) {
  TextTable table({"x", "y"}, {Left, Left});
  table.add({"µs", "1"});
  table.add({"abc", "2"});
  EXPECT_EQ(table.to_string(), "x    y\nµs   1\nabc  2\n");
}

TEST(Fixed, WritesSoManyDigitsAndRounds) {
  EXPECT_EQ(fixed(20.126, 2), "20.13");
  EXPECT_EQ(fixed(-0.5, 1), "-0.5");
  EXPECT_EQ(fixed(3, 0), "3");
}

TEST(InBytes, ChoosesTheUnit) {
  EXPECT_EQ(in_bytes(0), "0 B");
  EXPECT_EQ(in_bytes(999), "999 B");
  EXPECT_EQ(in_bytes(1000), "1.0 KB");
  EXPECT_EQ(in_bytes(431'000), "431.0 KB");
  EXPECT_EQ(in_bytes(1'234'000), "1.23 MB");
  EXPECT_EQ(in_bytes(25'500'000), "25.5 MB");
}

TEST(InSizes, JoinsByX) {
  EXPECT_EQ(in_sizes({1, 3, 224, 224}), "1x3x224x224");
  EXPECT_EQ(in_sizes({7}), "7");
  EXPECT_EQ(in_sizes({}), "scalar");
}

TEST(Joined, PutsSeparatorsBetween) {
  EXPECT_EQ(joined({"a", "b", "c"}, ", "), "a, b, c");
  EXPECT_EQ(joined({}, ", "), "");
}

TEST(PartitionTitle, LeavesQuantizersOutUnlessTheyAreAlone) {
  EXPECT_EQ(partition_title(std::vector<std::string>{"dequantize", "conv2d", "relu", "quantize"}),
            "conv2d+relu");
  EXPECT_EQ(partition_title(std::string("dequantize+linear")), "linear");
  EXPECT_EQ(partition_title(std::string("quantize")), "quantize");
}

}  // namespace
}  // namespace int8graph
