/// Small tensors gain nothing from several threads, and lose much to them on a busy machine. Tests
/// that are about threads make their own.

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

namespace int8graph {

namespace {

class OneThread final : public testing::Environment {
  void SetUp() override { at::set_num_threads(1); }
};

const testing::Environment* const kOneThread =
    testing::AddGlobalTestEnvironment(new OneThread);  // owned by GoogleTest

}  // namespace

}  // namespace int8graph
