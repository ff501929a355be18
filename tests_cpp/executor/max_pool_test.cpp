#include "executor/max_pool.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "testing/small_models.h"
#include "testing/three_threads.h"

namespace int8graph {
namespace {

using Sizes = std::vector<int64_t>;

/// A pool's window; what is not given along all dimensions is 1, or no padding.
PoolPlan pool(const Sizes& kernel, const Sizes& strides, const Sizes& pads = {},
              const Sizes& dilations = {}) {
  const size_t dimensions = kernel.size();
  PoolPlan plan{};
  plan.kernel = kernel;
  plan.strides = strides;
  plan.pads = pads.empty() ? Sizes(dimensions, 0) : pads;
  plan.dilations = dilations.empty() ? Sizes(dimensions, 1) : dilations;
  return plan;
}

/// [N, C, ...] with its channels side by side.
at::Tensor channels_last_noise(Sizes sizes, c10::ScalarType dtype) {
  std::rotate(sizes.begin() + 1, sizes.begin() + 2, sizes.end());
  const int64_t zero_point = dtype == at::kQUInt8 ? 117 : -3;
  return at::quantize_per_tensor(noise(sizes), 0.02, zero_point, dtype).movedim(-1, 1);
}

at::Tensor by_pytorch(const at::Tensor& values, const PoolPlan& p) {
  switch (p.kernel.size()) {
    case 1:
      return at::max_pool1d(values, p.kernel, p.strides, p.pads, p.dilations);
    case 2:
      return at::max_pool2d(values, p.kernel, p.strides, p.pads, p.dilations);
    default:
      return at::max_pool3d(values, p.kernel, p.strides, p.pads, p.dilations);
  }
}

at::Tensor pooled(const PoolPlan& plan, const at::Tensor& source) {
  const at::Tensor result =
      channels_last_noise(plan.result_sizes(source.sizes()).value(), source.scalar_type());
  max_pool(plan, source, result);
  return result;
}

/// Compares with PyTorch's pool of the same integers, number by number.
void expect_right(const PoolPlan& plan, const Sizes& sizes) {
  for (const auto dtype : {at::kQUInt8, at::kQInt8}) {
    const at::Tensor source = channels_last_noise(sizes, dtype);
    const at::Tensor result = pooled(plan, source).int_repr().to(at::kFloat);
    const at::Tensor expected = by_pytorch(source.int_repr().to(at::kFloat).contiguous(), plan);
    EXPECT_TRUE(at::equal(result, expected))
        << source.sizes() << " " << plan.kernel << " " << plan.strides << " " << plan.pads << " "
        << plan.dilations << " " << dtype;
  }
}

TEST(MaxPool, GivesPyTorchsNumbersForAnyNumberOfChannels) {
  for (const int64_t channels : {1, 3, 16, 63, 64, 65, 130}) {
    expect_right(pool({3, 3}, {2, 2}, {1, 1}), {2, channels, 9, 12});
    expect_right(pool({2, 2}, {2, 2}), {1, channels, 7, 6});
  }
}

TEST(MaxPool, TakesAnyWindow) {
  for (const PoolPlan& plan :
       {pool({1, 1}, {1, 1}), pool({5, 5}, {1, 1}, {2, 2}), pool({3, 2}, {1, 3}, {0, 1}),
        pool({3, 3}, {3, 1}, {1, 1}, {2, 3}), pool({4, 3}, {5, 4}, {2, 0}, {1, 2})}) {
    for (const Sizes& sizes : {Sizes{1, 8, 11, 8}, {3, 70, 9, 13}, {1, 5, 10, 64}}) {
      expect_right(plan, sizes);
    }
  }
}

TEST(MaxPool, InOneDimensionAndInThree) {
  expect_right(pool({3}, {2}, {1}), {2, 20, 31});
  expect_right(pool({2}, {1}, {}, {4}), {1, 100, 9});
  expect_right(pool({2, 2, 2}, {2, 2, 2}), {2, 8, 4, 6, 5});
  expect_right(pool({3, 3, 2}, {1, 2, 1}, {1, 1, 1}, {2, 1, 3}), {1, 66, 7, 5, 8});
}

/// Rows that are done in several tiles.
TEST(MaxPool, OfLongRows) {
  expect_right(pool({3}, {2}, {1}), {1, 64, 3001});
  expect_right(pool({2}, {3}, {1}, {5}), {2, 33, 2000});
  expect_right(pool({5, 7}, {2, 1}, {2, 3}), {1, 512, 6, 150});
  expect_right(pool({1, 13}, {1, 13}), {1, 3, 2, 20000});
}

TEST(MaxPool, OfOnePixelOrOneWindow) {
  expect_right(pool({3, 3}, {2, 2}, {1, 1}), {1, 8, 1, 1});
  expect_right(pool({7, 7}, {1, 1}), {2, 96, 7, 7});
}

/// PyTorch has minus infinity there, which every quantizer makes its least number.
TEST(MaxPool, AWindowOutsideOfTheSourceGivesTheLeastNumber) {
  const PoolPlan plan = pool({2}, {1}, {1}, {4});
  for (const auto dtype : {at::kQUInt8, at::kQInt8}) {
    const at::Tensor result = pooled(plan, channels_last_noise({1, 8, 3}, dtype)).int_repr();
    const int64_t least = dtype == at::kQUInt8 ? 0 : -128;
    EXPECT_EQ(result.sizes(), (Sizes{1, 8, 1}));
    EXPECT_TRUE(result.eq(least).all().item<bool>());
  }
}

TEST(MaxPool, OfNoImages) {
  EXPECT_EQ(pooled(pool({2, 2}, {2, 2}), channels_last_noise({0, 8, 4, 4}, at::kQUInt8)).sizes(),
            (Sizes{0, 8, 2, 2}));
}

using MaxPoolByThreads = ThreeThreads;

TEST_F(MaxPoolByThreads, GivesTheSame) {
  const PoolPlan plan = pool({3, 3}, {2, 2}, {1, 1});
  expect_right(plan, {5, 33, 61, 47});
  expect_right(plan, {1, 64, 112, 112});
  expect_right(pool({3}, {1}, {1}), {1, 32, 4000});
}

}  // namespace
}  // namespace int8graph
