#pragma once

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <thread>
#include <vector>

namespace int8graph {

/// Lets PyTorch and oneDNN run on so many threads while it lives.
class ThreadCount {
 public:
  explicit ThreadCount(int count) { at::set_num_threads(count); }
  ~ThreadCount() { at::set_num_threads(before_); }
  ThreadCount(const ThreadCount&) = delete;
  ThreadCount& operator=(const ThreadCount&) = delete;

 private:
  const int before_ = at::get_num_threads();
};

/// Calls body(0) to body(3), each on a thread of its own.
template <typename Body>
void on_four_threads(const Body& body) {
  std::vector<std::thread> threads;
  for (int64_t i = 0; i < 4; ++i) threads.emplace_back([&body, i] { body(i); });
  for (std::thread& thread : threads) thread.join();
}

/// A fixture for what is divided among threads, see executor/parallel.h.
class ThreeThreads : public testing::Test {
 private:
  const ThreadCount three_{3};
};

}  // namespace int8graph
