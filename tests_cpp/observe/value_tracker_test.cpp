#include "observe/value_tracker.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace int8graph {
namespace {

constexpr CallOutput kFirst{0, 0};
constexpr CallOutput kSecond{1, 0};
constexpr Range kRange{-1.0f, 1.0f};

TEST(ValueTracker, KnowsNothingOfOtherTensors) {
  ValueTracker tracker;
  const at::Tensor a = at::ones({2});
  tracker.set(a, {kFirst, 0, kRange});
  EXPECT_EQ(tracker.find(a).flow, kFirst);
  EXPECT_FALSE(tracker.find(at::ones({2})).flow.has_value());
  EXPECT_FALSE(tracker.find(a.view({2, 1})).flow.has_value());  // views are told by set()
}

TEST(ValueTracker, AnAddressThatIsUsedAgainIsAnotherTensor) {
  ValueTracker tracker;
  for (int i = 0; i < 5000; ++i) {
    const at::Tensor tensor = at::ones({2});
    ASSERT_FALSE(tracker.find(tensor).flow.has_value());
    tracker.set(tensor, {kFirst, 0, kRange});
  }
}

TEST(ValueTracker, KeepsNoMemory) {
  ValueTracker tracker;
  at::Tensor tensor = at::ones({2});
  const auto storage = tensor.storage().getWeakStorageImpl();
  tracker.set_written(tensor, {kFirst, 0, kRange});
  tracker.channel_ranges(tensor, 0);
  tensor.reset();
  EXPECT_TRUE(storage.expired());
}

TEST(ValueTracker, AWriteThroughAViewOfTheSameElementsIsTakenOver) {
  ValueTracker tracker;
  const at::Tensor base = at::ones({2, 3});
  const at::Tensor view = base.view({6});
  tracker.set(base, {kFirst, 0, kRange});
  tracker.set_written(view, {kSecond, 1, {}});
  EXPECT_EQ(tracker.find(base).flow, kSecond);
  EXPECT_FALSE(tracker.find(base).range.has_value());
  EXPECT_EQ(tracker.find(base.view({3, 2})).flow, kSecond);  // a view never seen before, too
}

TEST(ValueTracker, AWriteToAPartDropsTheRangeOnly) {
  ValueTracker tracker;
  const at::Tensor base = at::ones({2, 3});
  const at::Tensor left = base.slice(1, 0, 1);
  const at::Tensor right = base.slice(1, 1, 3);
  tracker.set(base, {kSecond, 1, kRange});
  tracker.set(right, {kSecond, 1, kRange});
  tracker.set_written(left, {kFirst, 0, {}});
  EXPECT_EQ(tracker.find(base).flow, kSecond);
  EXPECT_EQ(tracker.find(base).origin, 0);
  EXPECT_FALSE(tracker.find(base).range.has_value());
  EXPECT_EQ(tracker.find(right).flow, kSecond);
  EXPECT_EQ(tracker.find(left).flow, kFirst);
}

TEST(ValueTracker, InferenceTensorsHaveNoVersionAndAreTrackedAlike) {
  const c10::InferenceMode inference;
  ValueTracker tracker;
  const at::Tensor base = at::ones({2, 3});
  tracker.set(base, {kFirst, 0, kRange});
  tracker.set_written(base.view({6}), {kSecond, 1, {}});
  EXPECT_EQ(tracker.find(base).flow, kSecond);
}

TEST(ValueTracker, AWeightIsScannedAgainAfterAWrite) {
  ValueTracker tracker;
  const at::Tensor weight = at::ones({2, 3});
  const auto before = tracker.channel_ranges(weight, 0);
  EXPECT_EQ(tracker.channel_ranges(weight, 0), before);
  EXPECT_EQ(tracker.channel_ranges(weight, 1)->size(), 3);
  weight.mul_(2);
  tracker.set_written(weight, {});
  EXPECT_EQ(tracker.channel_ranges(weight, 0)->front().max, 2.0f);
}

}  // namespace
}  // namespace int8graph
