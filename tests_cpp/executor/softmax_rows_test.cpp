#include "executor/softmax_rows.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <limits>

#include "testing/partition.h"
#include "testing/small_models.h"

namespace int8graph {
namespace {

class SoftmaxRows : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_fast_softmax()) GTEST_SKIP() << "this CPU has no AVX2, or the compiler is another one";
  }
};

at::Tensor softmax_of(const at::Tensor& scores, double scale, c10::ScalarType dtype) {
  at::Tensor result = at::_empty_affine_quantized(scores.sizes(), at::dtype(dtype), scale, 0);
  softmax_rows(scores.clone().data_ptr<float>(), scores.size(0), scores.size(1), scale, dtype,
               result.data_ptr());
  return result;
}

/// Scores of any size give what PyTorch gives, a step apart at most, where that is between two.
void expect_right(const at::Tensor& scores, double scale, c10::ScalarType dtype) {
  const at::Tensor exact = at::softmax(scores, -1) / scale;
  const at::Tensor steps = softmax_of(scores, scale, dtype).int_repr().to(at::kFloat);
  const float most = dtype == c10::kQUInt8 ? 255 : 127;
  EXPECT_LE((steps - exact.clamp_max(most)).abs().max().item<float>(), 0.502) << scores.sizes();
}

TEST_F(SoftmaxRows, AreRightAtEveryLength) {
  for (const int64_t length : {1, 2, 15, 16, 17, 31, 32, 33, 100, 128, 197, 1500}) {
    expect_right(4 * noise({7, length}), 1.0 / 255, c10::kQUInt8);
    expect_right(4 * noise({7, length}), 1.0 / 127, c10::kQInt8);
  }
}

TEST_F(SoftmaxRows, KeepToTheLargestInteger) {
  expect_right(4 * noise({9, 40}), 1.0 / 2000, c10::kQUInt8);
  expect_right(4 * noise({9, 40}), 1.0 / 2000, c10::kQInt8);
}

TEST_F(SoftmaxRows, TakeScoresOfAnySize) {
  expect_right(noise({9, 40}) * 1e4, 1.0 / 255, c10::kQUInt8);
  expect_right(noise({9, 40}) * 1e30, 1.0 / 255, c10::kQUInt8);
  expect_right(noise({9, 40}) - 1e4, 1.0 / 255, c10::kQUInt8);
  expect_right(noise({9, 40}) * 1e-30, 1.0 / 4000, c10::kQUInt8);
}

TEST_F(SoftmaxRows, GiveNothingToWhatIsMasked) {
  for (const int64_t length : {9, 40, 48}) {
    at::Tensor scores = noise({5, length});
    scores.slice(1, 3) = -std::numeric_limits<float>::infinity();
    expect_right(scores, 1.0 / 255, c10::kQUInt8);
    scores.slice(1, 3) = std::numeric_limits<float>::lowest();
    expect_right(scores, 1.0 / 255, c10::kQUInt8);
  }
}

TEST_F(SoftmaxRows, GiveNothingToRowsThatAreMaskedWhole) {
  for (const int64_t length : {9, 40, 48}) {
    at::Tensor scores = noise({3, length});
    scores[1] = -std::numeric_limits<float>::infinity();
    const at::Tensor result = softmax_of(scores, 1.0 / 255, c10::kQUInt8).int_repr();
    EXPECT_TRUE(at::equal(result[1], at::zeros({length}, at::kByte)));
    EXPECT_GT(result[2].sum().item<int64_t>(), 240);
  }
}

TEST_F(SoftmaxRows, AreEvenWhereAllScoresAreTheLeastNumber) {
  const at::Tensor scores = at::full({2, 40}, std::numeric_limits<float>::lowest());
  const at::Tensor result = softmax_of(scores, 1.0 / 2000, c10::kQUInt8);
  EXPECT_TRUE(at::equal(result.int_repr(), at::full({2, 40}, 50, at::kByte)));
}

TEST_F(SoftmaxRows, DoNotDependOnTheNumberOfThreads) {
  const at::Tensor scores = noise({3000, 197});
  const at::Tensor whole = softmax_of(scores, 1.0 / 2000, c10::kQUInt8);
  const at::Tensor part = softmax_of(scores.slice(0, 0, 3), 1.0 / 2000, c10::kQUInt8);
  EXPECT_TRUE(at::equal(whole.int_repr().slice(0, 0, 3), part.int_repr()));
}

}  // namespace
}  // namespace int8graph
