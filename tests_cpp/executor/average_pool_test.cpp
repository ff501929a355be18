#include "executor/average_pool.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "testing/small_models.h"
#include "testing/three_threads.h"

namespace int8graph {
namespace {

using Sizes = std::vector<int64_t>;

at::Tensor quantized(const Sizes& sizes, c10::ScalarType dtype = at::kQUInt8) {
  return at::quantize_per_tensor(noise(sizes), 0.02, dtype == at::kQUInt8 ? 117 : -3, dtype);
}

at::Tensor by_pytorch(const at::Tensor& values, const Sizes& output) {
  switch (output.size()) {
    case 1:
      return at::adaptive_avg_pool1d(values, output);
    case 2:
      return at::adaptive_avg_pool2d(values, output);
    default:
      return at::adaptive_avg_pool3d(values, output);
  }
}

/// Compares with PyTorch's average of the dequantized values, to a thousandth of a quantum.
void expect_right(const at::Tensor& source, const Sizes& output) {
  const at::Tensor result = int8_adaptive_avg_pool(source, output);
  const at::Tensor expected = by_pytorch(source.dequantize(), output);
  EXPECT_EQ(result.scalar_type(), at::kFloat);
  EXPECT_EQ(result.sizes(), expected.sizes());
  EXPECT_TRUE(result.is_contiguous());
  EXPECT_TRUE(at::allclose(result, expected, 0, 0.001 * source.q_scale())) << source.sizes();
}

TEST(AveragePool, GivesPyTorchsAverages) {
  for (const auto dtype : {at::kQUInt8, at::kQInt8}) {
    for (const Sizes& output : {Sizes{1, 1}, {3, 2}, {5, 7}, {6, 9}}) {
      expect_right(quantized({2, 64, 5, 7}, dtype), output);
      expect_right(quantized({1, 67, 5, 7}, dtype), output);
      expect_right(quantized({130, 5, 7}, dtype), output);
    }
    expect_right(quantized({2, 70, 9}, dtype), {4});
    expect_right(quantized({2, 70, 3, 5, 4}, dtype), {2, 1, 3});
  }
}

TEST(AveragePool, ReadsAnyStrides) {
  const at::Tensor source = quantized({3, 40, 6, 5});
  expect_right(source.contiguous(at::MemoryFormat::ChannelsLast), {2, 2});
  expect_right(source.transpose(2, 3), {1, 1});
  expect_right(source.slice(1, 3, 20).slice(3, 1, 4), {1, 1});
}

TEST(AveragePool, AddsUpMorePixelsThan32BitsHold) {
  const at::Tensor source =
      at::quantize_per_tensor(at::full({1, 1, 3000, 3000}, 5.1), 0.02, 0, at::kQUInt8);
  EXPECT_TRUE(at::allclose(int8_adaptive_avg_pool(source, {1, 1}), at::full({1, 1, 1, 1}, 5.1)));
  EXPECT_TRUE(
      at::allclose(int8_adaptive_avg_pool(source.view({1, 1, -1}), {1}), at::full({1, 1, 1}, 5.1)));
}

TEST(AveragePool, TakesNoImagesAndRefusesNoPixels) {
  EXPECT_EQ(int8_adaptive_avg_pool(quantized({0, 8, 3, 3}), {1, 1}).sizes(),
            (at::IntArrayRef{0, 8, 1, 1}));
  EXPECT_THROW(int8_adaptive_avg_pool(quantized({1, 8, 0, 3}), {1, 1}), c10::Error);
  EXPECT_THROW(int8_adaptive_avg_pool(quantized({8, 3}), {1, 1}), c10::Error);
}

using AveragePoolByThreads = ThreeThreads;

TEST_F(AveragePoolByThreads, GiveTheSame) {
  expect_right(quantized({3, 130, 40, 41}), {1, 1});
  expect_right(quantized({2, 70, 60, 61}, at::kQInt8), {3, 2});
}

}  // namespace
}  // namespace int8graph
