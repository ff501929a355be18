#include "executor/layer_norm_rows.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <limits>

#include "executor/newer_cpus.h"
#include "testing/small_models.h"
#include "testing/three_threads.h"

namespace int8graph {
namespace {

constexpr double kEps = 1e-5;
constexpr double kScale = 0.02;

struct Parameters {
  at::Tensor weight, bias;
};

Parameters parameters(int64_t length) {
  return {1 + noise({length}), noise({length}, 2)};
}

/// Norms of all rows are PyTorch's in double precision, to a part of a standard deviation, and
/// their integers the nearest ones, to 0.003 of a quantum.
void expect_right(const at::Tensor& x, c10::ScalarType dtype = at::kQUInt8, double part = 1e-5) {
  const int64_t length = x.size(-1);
  const auto [weight, bias] = parameters(length);
  const int64_t zero_point = dtype == at::kQUInt8 ? 117 : -3;
  const auto type = static_cast<int64_t>(dtype);
  const at::Tensor expected = at::layer_norm(x.to(at::kDouble), {length}, weight.to(at::kDouble),
                                             bias.to(at::kDouble), kEps);
  const auto [values, quantized] =
      layer_norm_and_quantized(x, {length}, weight, bias, kEps, kScale, zero_point, type);
  EXPECT_TRUE(at::allclose(values.to(at::kDouble), expected, part, part)) << x.sizes();
  const at::Tensor exact =
      (values.to(at::kDouble) / kScale + zero_point)
          .clamp(dtype == at::kQUInt8 ? 0 : -128, dtype == at::kQUInt8 ? 255 : 127);
  const at::Tensor steps = quantized.int_repr().to(at::kDouble);
  EXPECT_LE((steps - exact).abs().max().item<double>(), 0.503) << x.sizes();
  EXPECT_EQ(quantized.scalar_type(), dtype);
  EXPECT_EQ(quantized.q_scale(), kScale);
  EXPECT_EQ(quantized.q_zero_point(), zero_point);
  EXPECT_TRUE(at::equal(
      quantized, quantized_layer_norm(x, {length}, weight, bias, kEps, kScale, zero_point, type)));
}

TEST(LayerNormRows, AreRightAtEveryLength) {
  for (const int64_t length : {1, 3, 15, 16, 17, 31, 32, 48, 100, 384, 768, 1001}) {
    expect_right(3 * noise({5, length}));
    expect_right(3 * noise({2, 3, length}), at::kQInt8);
  }
}

TEST(LayerNormRows, AreRightFarFromZero) {
  // There floats are 6e-5 apart.
  expect_right(1000 + noise({4, 768}), at::kQUInt8, 5e-4);
  expect_right(1e-3 * noise({4, 768}));
}

TEST(LayerNormRows, TakeRowsWithoutVariance) {
  expect_right(at::full({4, 40}, 0.125));
  expect_right(at::zeros({4, 40}));
}

TEST(LayerNormRows, TakeAnyStridesAndManyRows) {
  expect_right(noise({2, 40, 7}).transpose(1, 2));
  expect_right(noise({7, 80}).slice(1, 8, 60));
  expect_right(noise({600, 70}));
}

TEST(LayerNormRows, GiveTheLargestIntegerForWhatIsNoNumber) {
  if (!INT8GRAPH_CPU_IS_NEWER) GTEST_SKIP() << "PyTorch's quantizer may make anything of NaN";
  const auto [weight, bias] = parameters(40);
  at::Tensor x = noise({3, 40});
  x[1][7] = std::numeric_limits<float>::infinity();
  x[2][39] = std::numeric_limits<float>::quiet_NaN();
  const at::Tensor q = quantized_layer_norm(x, {40}, weight, bias, kEps, kScale, 117,
                                            static_cast<int64_t>(at::kQUInt8));
  EXPECT_TRUE(q.slice(0, 1).int_repr().eq(255).all().item<bool>());
}

TEST(LayerNormRows, TakeNoRows) {
  const auto [weight, bias] = parameters(32);
  const auto [values, quantized] = layer_norm_and_quantized(
      at::empty({0, 32}), {32}, weight, bias, kEps, kScale, 0, static_cast<int64_t>(at::kQInt8));
  EXPECT_EQ(values.sizes(), (at::IntArrayRef{0, 32}));
  EXPECT_EQ(quantized.sizes(), (at::IntArrayRef{0, 32}));
}

TEST(LayerNormRows, LeaveOtherDtypesToPyTorch) {
  const auto [weight, bias] = parameters(32);
  const at::Tensor x = noise({4, 32}).to(at::kBFloat16);
  const auto [values, quantized] =
      layer_norm_and_quantized(x, {32}, weight.to(at::kBFloat16), bias.to(at::kBFloat16), kEps,
                               kScale, 100, static_cast<int64_t>(at::kQUInt8));
  EXPECT_EQ(values.scalar_type(), at::kBFloat16);
  EXPECT_TRUE(at::equal(quantized,
                        at::quantize_per_tensor(values.to(at::kFloat), kScale, 100, at::kQUInt8)));
}

using LayerNormRowsByThreads = ThreeThreads;

TEST_F(LayerNormRowsByThreads, GiveTheSame) {
  expect_right(noise({601, 768}));
  expect_right(noise({2, 401, 70}), at::kQInt8);
}

}  // namespace
}  // namespace int8graph
