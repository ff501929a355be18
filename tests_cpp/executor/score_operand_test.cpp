#include "executor/score_operand.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "testing/small_models.h"

namespace int8graph {
namespace {

constexpr AttentionSizes kSizes = {
    .batch = 2, .heads = 4, .queries = 6, .keys = 5, .width = 8, .value_width = 8};

/// The operand's numbers for a block from a head and a query on, broadcast.
at::Tensor block_of(const ScoreOperand& operand, int64_t batch, int64_t head, int64_t query,
                    const AttentionBlock& block, int64_t keys) {
  const auto sizes = operand.sizes_in(block);
  return at::from_blob(const_cast<void*>(operand.at(batch, head, query)), sizes, at::kFloat)
      .expand({block.batch, block.heads, block.queries, keys});
}

constexpr AttentionBlock kSequence = {1, 4, 6};

TEST(ScoreOperand, BroadcastsAsPyTorchDoes) {
  const at::Tensor wide = noise({2, 4, 12, 10});
  const std::vector<at::Tensor> operands = {noise({2, 4, 6, 5}),
                                            noise({2, 1, 6, 5}),
                                            noise({2, 1, 1, 5}),
                                            noise({1, 4, 6, 5}),
                                            noise({1, 1, 6, 5}),
                                            noise({4, 1, 1}),
                                            noise({4, 6, 5}),
                                            noise({6, 1}),
                                            noise({5}),
                                            noise({}),
                                            noise({2, 4, 1, 1}),
                                            wide.slice(2, 0, 6).slice(3, 0, 10, 2),
                                            noise({1, 1, 6, 5}).expand({2, 4, 6, 5})};
  // As attention_block() makes them: sequences, heads of one, queries of one head.
  for (const AttentionBlock& block :
       {AttentionBlock{2, 4, 6}, kSequence, AttentionBlock{1, 2, 6}, AttentionBlock{1, 1, 3}}) {
    for (const at::Tensor& tensor : operands) {
      SCOPED_TRACE(c10::str(tensor.sizes(), " ", tensor.strides(), " ", block.heads));
      const ScoreOperand operand(tensor, kSizes, kSizes, block);
      const at::Tensor expected = tensor.expand({2, 4, 6, 5});
      for (int64_t batch = 0; batch < 2; batch += block.batch) {
        for (int64_t head = 0; head < 4; head += block.heads) {
          for (int64_t query = 0; query < 6; query += block.queries) {
            EXPECT_TRUE(at::equal(block_of(operand, batch, head, query, block, 5),
                                  expected.slice(0, batch, batch + block.batch)
                                      .slice(1, head, head + block.heads)
                                      .slice(2, query, query + block.queries)));
          }
        }
      }
    }
  }
}

TEST(ScoreOperand, HoldsOnesForWhatIsPadded) {
  AttentionSizes padded = kSizes;
  padded.queries = padded.keys = 16;
  const at::Tensor mask = noise({2, 1, 6, 5});
  const ScoreOperand operand(mask, kSizes, padded, kSequence);
  const at::Tensor block = block_of(operand, 1, 0, 0, {1, 4, 16}, 16);
  EXPECT_TRUE(
      at::equal(block.slice(2, 0, 6).slice(3, 0, 5), mask.slice(0, 1).expand({1, 4, 6, 5})));
  EXPECT_TRUE(at::all(block.slice(2, 6) == 1).item<bool>());
  EXPECT_TRUE(at::all(block.slice(3, 5) == 1).item<bool>());
}

TEST(ScoreOperand, IsNotCopiedIfItIsDense) {
  const at::Tensor mask = noise({2, 1, 6, 5});
  EXPECT_EQ(ScoreOperand(mask, kSizes, kSizes, kSequence).at(0, 0, 0), mask.const_data_ptr());
}

TEST(ScoreOperand, MasksTheKeysThatArePadding) {
  AttentionSizes padded = kSizes;
  padded.keys = 16;
  for (const int64_t batch : {1, 2}) {
    const AttentionBlock block = {batch, 4, 6};
    const ScoreOperand operand = ScoreOperand::mask(kSizes, padded, block);
    const at::Tensor mask = block_of(operand, 2 - batch, 0, 0, block, 16);
    EXPECT_TRUE(at::all(mask.slice(3, 0, 5) == 0).item<bool>());
    EXPECT_TRUE(at::all(mask.slice(3, 5) == -INFINITY).item<bool>());
  }
}

}  // namespace
}  // namespace int8graph
