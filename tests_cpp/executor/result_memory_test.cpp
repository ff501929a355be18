#include "executor/result_memory.h"

#include <c10/core/CPUAllocator.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <random>
#include <thread>
#include <utility>
#include <vector>

namespace int8graph {
namespace {

constexpr size_t kMegabyte = size_t{1} << 20;

c10::DeleterFnPtr pytorch() {
  return c10::GetCPUAllocator()->raw_deleter();
}

class ResultMemory : public testing::Test {
 protected:
  void SetUp() override {
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP() << "sanitizers have no arenas";
#endif
  }

  const ArenaScope open_{true};
};

TEST_F(ResultMemory, ComesFromTheLowestFreeAddress) {
  auto a = allocate_result_memory(1000), b = allocate_result_memory(5),
       c = allocate_result_memory(70);
  const auto* const first = static_cast<char*>(a.get());
  EXPECT_EQ(b.get(), first + 1024);
  EXPECT_EQ(c.get(), first + 1088);
  b.clear();
  a.clear();
  EXPECT_EQ(allocate_result_memory(1088).get(), first);  // both, joined
  a = allocate_result_memory(64);
  EXPECT_EQ(a.get(), first);
  EXPECT_EQ(allocate_result_memory(1025).get(), first + 1216);  // does not fit before c
}

TEST_F(ResultMemory, ComesFromPyTorchWhereTheArenaHasNoRoom) {
  const auto a = allocate_result_memory(20 * kMegabyte);
  const auto b = allocate_result_memory(20 * kMegabyte);
  EXPECT_EQ(b.get_deleter(), pytorch());
  EXPECT_NE(a.get_deleter(), b.get_deleter());
  std::memset(a.get(), 1, 20 * kMegabyte);
  std::memset(b.get(), 2, 20 * kMegabyte);
}

TEST_F(ResultMemory, ComesFromPyTorchOutsideOfAScope) {
  const auto inside = allocate_result_memory(100);
  {
    const ArenaScope closed(false);
    EXPECT_EQ(allocate_result_memory(100).get_deleter(), pytorch());
  }
  EXPECT_EQ(allocate_result_memory(100).get_deleter(), inside.get_deleter());
}

TEST_F(ResultMemory, IsGivenOutOnceHoweverMuchIsHeld) {
  std::mt19937 random(1);
  std::vector<std::pair<c10::DataPtr, size_t>> held;
  for (int i = 0; i < 5000; ++i) {
    if (held.size() > 90 || (!held.empty() && random() % 2 == 0)) {
      std::swap(held[random() % held.size()], held.back());
      held.pop_back();
    } else {
      const size_t bytes = random() % (random() % 3 == 0 ? kMegabyte : 5000) + 1;
      held.emplace_back(allocate_result_memory(bytes), bytes);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(held.back().first.get()) % 64, 0);
    }
    std::vector<std::pair<char*, char*>> ranges;
    for (const auto& [memory, bytes] : held) {
      auto* const begin = static_cast<char*>(memory.get());
      ranges.emplace_back(begin, begin + bytes);
    }
    std::ranges::sort(ranges);
    for (size_t k = 1; k < ranges.size(); ++k) ASSERT_LE(ranges[k - 1].second, ranges[k].first);
  }
}

/// Of a thread that starts and ends.
c10::DataPtr from_another_thread(size_t bytes) {
  c10::DataPtr memory;
  std::thread([&] {
    const ArenaScope open(true);
    memory = allocate_result_memory(bytes);
  }).join();
  return memory;
}

TEST_F(ResultMemory, OutlivesItsThreadWhoseArenaIsForTheNextOne) {
  const auto mine = allocate_result_memory(1);  // so that this thread has an arena
  if (std::thread::hardware_concurrency() < 2) GTEST_SKIP() << "it takes two arenas";
  auto first = from_another_thread(kMegabyte);
  ASSERT_NE(first.get_deleter(), pytorch());
  std::memset(first.get(), 7, kMegabyte);
  const auto second = from_another_thread(100);
  EXPECT_EQ(second.get(), static_cast<char*>(first.get()) + kMegabyte);  // behind what is in use
  std::memset(second.get(), 8, 100);
  const auto* const bytes = static_cast<const char*>(first.get());
  EXPECT_TRUE(std::all_of(bytes, bytes + kMegabyte, [](char byte) { return byte == 7; }));
  const void* const place = first.get();
  first.clear();
  EXPECT_EQ(from_another_thread(1000).get(), place);
}

TEST_F(ResultMemory, ComesFromPyTorchForMoreThreadsThanCpus) {
  const size_t cpus = std::thread::hardware_concurrency();
  std::vector<std::thread> threads;
  std::barrier all(static_cast<std::ptrdiff_t>(cpus + 1));
  std::atomic<size_t> with_arena{0};
  for (size_t i = 0; i < cpus + 1; ++i) {
    threads.emplace_back([&] {
      const ArenaScope open(true);
      const auto memory = allocate_result_memory(100);
      with_arena += memory.get_deleter() == pytorch() ? 0 : 1;
      all.arrive_and_wait();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(with_arena, cpus);
}

// Where there are no more blocks to divide, 64 of them.
TEST_F(ResultMemory, IsNotTakenWholeForASmallResult) {
  std::vector<c10::DataPtr> held;
  for (int i = 0; i < 100; ++i) held.push_back(allocate_result_memory(100));
  EXPECT_NE(held.front().get_deleter(), pytorch());
  EXPECT_EQ(held.back().get_deleter(), pytorch());
  held.clear();
  EXPECT_NE(allocate_result_memory(30 * kMegabyte).get_deleter(), pytorch());
}

TEST_F(ResultMemory, IsFreedByOtherThreads) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 300; ++i) {
    auto memory = allocate_result_memory(200'000);
    std::memset(memory.get(), i, 200'000);
    threads.emplace_back([memory = std::move(memory), i] {
      const auto* const bytes = static_cast<const uint8_t*>(memory.get());
      EXPECT_TRUE(std::all_of(bytes, bytes + 200'000,
                              [&](uint8_t byte) { return byte == static_cast<uint8_t>(i); }));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_NE(allocate_result_memory(30 * kMegabyte).get_deleter(), pytorch());  // all is free again
}

}  // namespace
}  // namespace int8graph
