#include "executor/picked_pixels.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "executor/relayout.h"
#include "testing/small_models.h"
#include "testing/three_threads.h"

namespace int8graph {
namespace {

/// Of fp32 and of int8.
/// @param sizes those of [N, D1, ..., C]
void expect_picked(c10::IntArrayRef sizes, const std::vector<int64_t>& steps) {
  const at::Tensor numbers = noise(sizes);
  for (const at::Tensor& pixels :
       {numbers, at::quantize_per_tensor(numbers, 0.02, 7, at::kQUInt8)}) {
    const at::Tensor source = pixels.movedim(-1, 1);
    at::Tensor expected = source;
    for (size_t d = 0; d < steps.size(); ++d) {
      expected = expected.slice(d + 2, 0, source.size(d + 2), steps[d]);
    }
    const at::Tensor result = PickedPixels(spec_of(source), steps).run(source);
    EXPECT_TRUE(at::equal(result, expected)) << sizes;
    EXPECT_EQ(result.strides(), channels_last(spec_of(expected)).strides);
  }
}

void expect_picked_of(int64_t channels, int64_t side) {
  expect_picked({2, side, channels}, {3});
  expect_picked({3, side, 8, channels}, {2, 3});
  expect_picked({1, side, 8, channels}, {1, 2});
  expect_picked({2, 3, side, 4, channels}, {2, 1, 4});
}

TEST(PickedPixels, AreEveryNth) {
  expect_picked_of(5, 7);
  expect_picked_of(70, 8);
}

using PickedPixelsByThreads = ThreeThreads;

TEST_F(PickedPixelsByThreads, AreEveryNth) {
  expect_picked_of(1000, 67);
}

}  // namespace
}  // namespace int8graph
