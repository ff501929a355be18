#pragma once

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdint>

#if defined(__GNUC__) && !defined(__clang__) && !defined(_OPENMP)
#error "Without -fopenmp everything here runs on one thread, see third_party/openmp.cmake."
#endif

namespace int8graph {

/// What a thread has to do at the least, as a fork and join cost some microseconds: PyTorch's
/// GRAIN_SIZE.
inline constexpr int64_t kLeastOfAThread = 32768;

/// The cost of so many products of bytes: with that, a thread has some 15 us to do at the least.
/// @param at_once how many are done in the time that it takes to read a number
constexpr int64_t cost_of_products(int64_t products, int64_t at_once = 128) {
  return products / at_once;
}

/// Calls body(first, last) for parts of 0 to `count`, by PyTorch's threads where there is enough to
/// do. The first exception of a thread is thrown when all are done.
///
/// Not by at::parallel_for: a header's, it would be a second one in the process, and set the number
/// of this thread's threads anew when it is first called, whatever they were limited to since.
/// @param cost of one, in numbers that are read
template <typename Body>
void parallel_for(int64_t count, int64_t cost, const Body& body) {
  if (count <= 0) return;
  const auto part = [&](int64_t first, int64_t last) {
    const c10::ParallelGuard inside(true);
    body(first, last);
  };
#ifdef _OPENMP
  const int64_t grain = std::max<int64_t>(1, kLeastOfAThread / std::max<int64_t>(1, cost));
  if (count > grain && !at::in_parallel_region() && at::get_num_threads() > 1) {
    return at::internal::invoke_parallel(0, count, grain, part);
  }
#endif
  part(0, count);
}

}  // namespace int8graph
