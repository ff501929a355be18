#include "executor/snapshot_cache.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <functional>
#include <stdexcept>
#include <thread>
#include <vector>

namespace int8graph {
namespace {

using Cache = SnapshotCache<int64_t>;

std::shared_ptr<const int64_t> put(Cache& cache, int64_t number) {
  const std::array<int64_t, 2> key = {number, -number};
  return cache.find_or_make(key, [&] { return std::make_shared<int64_t>(number); });
}

bool holds(const Cache& cache, int64_t number) {
  const std::array<int64_t, 2> key = {number, -number};
  return cache.find(key) != nullptr;
}

void on_threads(size_t count, const std::function<void(size_t)>& work) {
  std::vector<std::thread> threads;
  std::atomic<bool> go{false};
  for (size_t i = 0; i < count; ++i) {
    threads.emplace_back([&, i] {
      while (!go) std::this_thread::yield();
      work(i);
    });
  }
  go = true;
  for (auto& thread : threads) thread.join();
}

TEST(SnapshotCache, FindsWhatItMade) {
  Cache cache(4);
  EXPECT_FALSE(holds(cache, 7));
  EXPECT_EQ(*put(cache, 7), 7);
  EXPECT_TRUE(holds(cache, 7));
  EXPECT_EQ(cache.size(), 1);
}

TEST(SnapshotCache, MakesNothingThatItHas) {
  Cache cache(4);
  put(cache, 1);
  const std::array<int64_t, 2> key = {1, -1};
  const auto again = cache.find_or_make(
      key, []() -> std::shared_ptr<int64_t> { throw std::logic_error("made twice"); });
  EXPECT_EQ(*again, 1);
}

TEST(SnapshotCache, TellsKeysOfEqualBeginningsApart) {
  Cache cache(4);
  const std::vector<int64_t> shorter = {2, 3};
  const std::vector<int64_t> longer = {2, 3, 0};
  cache.find_or_make(shorter, [] { return std::make_shared<int64_t>(1); });
  EXPECT_EQ(cache.find(longer), nullptr);
  cache.find_or_make(longer, [] { return std::make_shared<int64_t>(2); });
  EXPECT_EQ(*cache.find(shorter), 1);
  EXPECT_EQ(*cache.find(longer), 2);
}

TEST(SnapshotCache, KeepsItsOwnCopyOfTheKey) {
  Cache cache(4);
  std::vector<int64_t> key = {5};
  cache.find_or_make(key, [] { return std::make_shared<int64_t>(1); });
  key[0] = 6;
  EXPECT_EQ(cache.find(key), nullptr);
}

TEST(SnapshotCache, DropsWhatWasUsedLongestAgo) {
  Cache cache(3);
  for (const int64_t number : {1, 2, 3}) put(cache, number);
  put(cache, 1);  // a hit: 2 is now the oldest
  put(cache, 4);
  EXPECT_FALSE(holds(cache, 2));
  for (const int64_t number : {1, 3, 4}) EXPECT_TRUE(holds(cache, number)) << number;
}

TEST(SnapshotCache, DropsInTheOrderOfMakingWhereNothingIsUsedAgain) {
  Cache cache(2);
  for (int64_t number = 1; number <= 5; ++number) put(cache, number);
  EXPECT_FALSE(holds(cache, 3));
  EXPECT_TRUE(holds(cache, 4));
  EXPECT_TRUE(holds(cache, 5));
}

TEST(SnapshotCache, NeverGrowsBeyondItsCapacity) {
  Cache cache(5);
  for (int64_t number = 0; number < 1000; ++number) {
    put(cache, number);
    ASSERT_LE(cache.size(), 5);
  }
  EXPECT_EQ(cache.size(), 5);
}

TEST(SnapshotCache, AnEvictedValueLivesWhileItIsUsed) {
  Cache cache(1);
  const auto used = put(cache, 1);
  const std::weak_ptr<const int64_t> unused = put(cache, 2);
  EXPECT_EQ(*used, 1);
  EXPECT_FALSE(unused.expired());
  put(cache, 3);
  EXPECT_TRUE(unused.expired());
}

TEST(SnapshotCache, AMakeThatThrowsLeavesNoTrace) {
  Cache cache(2);
  put(cache, 1);
  put(cache, 2);
  const std::array<int64_t, 2> key = {3, -3};
  EXPECT_THROW(cache.find_or_make(
                   key, []() -> std::shared_ptr<int64_t> { throw std::runtime_error("refused"); }),
               std::runtime_error);
  EXPECT_TRUE(holds(cache, 1));
  EXPECT_TRUE(holds(cache, 2));
  EXPECT_FALSE(holds(cache, 3));
  EXPECT_EQ(*put(cache, 3), 3);  // and the next attempt is not blocked
}

TEST(SnapshotCache, ManyThreadsThatMissTogetherMakeEachKeyOnce) {
  constexpr int64_t kKeys = 20;
  Cache cache(kKeys);
  std::array<std::atomic<int>, kKeys> made{};
  on_threads(8, [&](size_t thread) {
    for (int64_t step = 0; step < kKeys; ++step) {
      const int64_t number = (step + static_cast<int64_t>(thread) / 2) % kKeys;
      const auto value = cache.find_or_make(std::array<int64_t, 1>{number}, [&] {
        ++made[static_cast<size_t>(number)];
        std::this_thread::yield();
        return std::make_shared<int64_t>(number);
      });
      EXPECT_EQ(*value, number);
    }
  });
  for (const auto& count : made) EXPECT_EQ(count, 1);
}

TEST(SnapshotCache, ReadersGetTheirValueWhileOthersEvict) {
  Cache cache(3);
  on_threads(8, [&](size_t thread) {
    for (int64_t step = 0; step < 2000; ++step) {
      const int64_t number = (step * static_cast<int64_t>(thread + 1)) % 7;
      ASSERT_EQ(*put(cache, number), number);
    }
  });
  EXPECT_EQ(cache.size(), 3);
}

}  // namespace
}  // namespace int8graph
