#pragma once

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

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

/// A fixture for what is divided among threads, see executor/parallel.h.
class ThreeThreads : public testing::Test {
 private:
  const ThreadCount three_{3};
};

}  // namespace int8graph
