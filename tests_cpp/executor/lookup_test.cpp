#include "executor/lookup.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "testing/ir.h"
#include "testing/small_models.h"
#include "testing/three_threads.h"

namespace int8graph {
namespace {

const at::Tensor& table() {
  static const at::Tensor table = int8_weight({10, 6});
  return table;
}

at::Tensor embedding_of(const at::Tensor& table, const at::Tensor& ids) {
  return int8_embedding(table, ids, -1, false, false);
}

TEST(Int8Embedding, GivesTheRowsOfTheDequantizedTable) {
  const at::Tensor ids = at::tensor({3, 0, 9, 3}, at::kLong).view({2, 2});
  const at::Tensor expected = at::embedding(table().dequantize(), ids);
  const auto expect_near = [](const at::Tensor& a, const at::Tensor& b) {
    EXPECT_TRUE(at::allclose(a, b, 1e-6, 0));  // PyTorch multiplies by a scale in double
  };
  expect_near(embedding_of(table(), ids), expected);
  expect_near(embedding_of(table(), ids.to(at::kInt)), expected);
  expect_near(embedding_of(table(), ids.t()), expected.transpose(0, 1));
}

TEST(Int8Embedding, TakesOneScaleForTheTable) {
  const at::Tensor per_tensor = at::quantize_per_tensor(noise({10, 6}), 0.02, 0, at::kQInt8);
  const at::Tensor ids = at::tensor({3, 0, 9}, at::kLong);
  EXPECT_TRUE(
      at::equal(embedding_of(per_tensor, ids), at::embedding(per_tensor.dequantize(), ids)));
}

TEST(Int8Embedding, TakesNoIdsAndRefusesThoseOutside) {
  EXPECT_EQ(embedding_of(table(), at::empty({2, 0}, at::kLong)).sizes(),
            (at::IntArrayRef{2, 0, 6}));
  EXPECT_THROW(embedding_of(table(), at::tensor({10}, at::kLong)), c10::IndexError);
  EXPECT_THROW(embedding_of(table(), at::tensor({-1}, at::kLong)), c10::IndexError);
}

TEST(Int8EmbeddingBag, SumsLikePyTorch) {
  const at::Tensor ids = at::tensor({3, 0, 9, 3, 5, 0, 1}, at::kLong);
  const at::Tensor offsets = at::tensor({0, 2, 2, 5}, at::kLong);
  const at::Tensor whole = table().dequantize();
  for (const int64_t mode : {0, 1, 2}) {
    for (const auto padding :
         {std::optional<int64_t>(), std::optional<int64_t>(0), std::optional<int64_t>(-7)}) {
      const auto expected = std::get<0>(
          at::embedding_bag(whole, ids, offsets, false, mode, false, {}, false, padding));
      const auto bags = std::get<0>(
          int8_embedding_bag(table(), ids, offsets, false, mode, false, {}, false, padding));
      EXPECT_TRUE(at::allclose(bags, expected, 1e-6, 1e-6)) << "mode " << mode;
    }
  }
}

using Int8EmbeddingByThreads = ThreeThreads;

TEST_F(Int8EmbeddingByThreads, GivesTheSameAndRefusesIdsOutside) {
  const at::Tensor wide = int8_weight({50, 300});
  at::Tensor ids = at::arange(1000).remainder(50);
  EXPECT_TRUE(
      at::allclose(embedding_of(wide, ids), at::embedding(wide.dequantize(), ids), 1e-6, 0));
  ids[999] = 50;
  EXPECT_THROW(embedding_of(wide, ids), c10::IndexError);
}

}  // namespace
}  // namespace int8graph
