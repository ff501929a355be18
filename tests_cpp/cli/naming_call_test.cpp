#include "cli/naming_call.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace int8graph {
namespace {

const Call kCall = {{at::zeros({1, 3, 4}), at::zeros({2}, at::kLong)}, "\"x.pt\", element 5"};

TEST(NamingCall, ReturnsWhatTheActionDoes) {
  EXPECT_EQ(naming_call(kCall, [] { return 7; }), 7);
}

TEST(NamingCall, AnErrorNamesSourceShapesAndTheFirstLine) {
  try {
    naming_call(kCall, [] { throw std::invalid_argument("no\nreally"); });
    FAIL() << "nothing was thrown";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "\"x.pt\", element 5 (float32 1x3x4, int64 2): no");
  }
}

}  // namespace
}  // namespace int8graph
