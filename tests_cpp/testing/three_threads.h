#pragma once

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

namespace int8graph {

/// A fixture for what is divided among threads, see executor/parallel.h.
class ThreeThreads : public testing::Test {
 protected:
  ThreeThreads() { at::set_num_threads(3); }
  ~ThreeThreads() override { at::set_num_threads(threads_); }

 private:
  const int threads_ = at::get_num_threads();
};

}  // namespace int8graph
