#include "executor/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "testing/three_threads.h"

namespace int8graph {
namespace {

using Parallel = ThreeThreads;

/// The threads that do this much.
std::set<std::thread::id> threads_of(int64_t count, int64_t cost) {
  std::mutex mutex;
  std::set<std::thread::id> threads;
  parallel_for(count, cost, [&](int64_t, int64_t) {
    const std::lock_guard lock(mutex);
    threads.insert(std::this_thread::get_id());
  });
  return threads;
}

TEST_F(Parallel, RunsOnAsManyThreadsAsThereIsWorkFor) {
  EXPECT_EQ(threads_of(3, kLeastOfAThread).size(), 3);
  EXPECT_EQ(threads_of(2, 10 * kLeastOfAThread).size(), 2);
  EXPECT_EQ(threads_of(1000, 1).size(), 1);
  EXPECT_EQ(threads_of(0, kLeastOfAThread).size(), 0);
}

TEST_F(Parallel, DoesEachOnce) {
  for (const int64_t count : {1, 2, 3, 4, 100, 1001}) {
    std::vector<std::atomic<int>> times(static_cast<size_t>(count));
    parallel_for(count, kLeastOfAThread, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) ++times[static_cast<size_t>(i)];
    });
    for (const std::atomic<int>& time : times) EXPECT_EQ(time, 1);
  }
}

TEST_F(Parallel, ThrowsWhatAThreadThrew) {
  EXPECT_THROW(parallel_for(3, kLeastOfAThread,
                            [](int64_t first, int64_t) {
                              if (first == 2) throw std::out_of_range("the last one");
                            }),
               std::out_of_range);
}

TEST_F(Parallel, IsOneThreadInsideOfAnother) {
  std::atomic<int> parts{0};
  parallel_for(3, kLeastOfAThread, [&](int64_t, int64_t) {
    EXPECT_EQ(threads_of(3, kLeastOfAThread).size(), 1);
    ++parts;
  });
  EXPECT_EQ(parts, 3);
}

}  // namespace
}  // namespace int8graph
