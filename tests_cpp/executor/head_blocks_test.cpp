#include "executor/head_blocks.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "onednn/onednn_loader.h"
#include "testing/small_models.h"

namespace int8graph {
namespace {

using Copies = HeadBlocks::Copies;

at::Tensor int8(at::IntArrayRef sizes) {
  return at::quantize_per_tensor(noise(sizes), 0.03, 0, at::kQInt8);
}

/// A block as a tensor that lies as the block says.
at::Tensor tensor_of(const HeadBlocks& blocks, const void* data, const at::Tensor& like,
                     at::IntArrayRef sizes) {
  return at::from_blob(const_cast<void*>(data), sizes, blocks.strides(), like.int_repr().options());
}

/// Reads all blocks of a tensor of rank 4, which are copied or not, and compares what they hold.
void expect_read(const at::Tensor& tensor, int64_t heads, int64_t rows, bool is_copied,
                 int64_t sequences = 1) {
  const int64_t columns = tensor.size(3);
  const HeadBlocks blocks(tensor, {sequences, heads, rows}, rows, columns, Copies::WhereNeeded);
  EXPECT_EQ(blocks.copy_bytes() > 0, is_copied);
  std::vector<char> copy(blocks.copy_bytes());
  for (int64_t batch = 0; batch < tensor.size(0); batch += sequences) {
    for (int64_t head = 0; head < tensor.size(1); head += heads) {
      for (int64_t row = 0; row < tensor.size(2); row += rows) {
        const void* data = blocks.read(batch, head, row, copy.data());
        const at::Tensor block = tensor_of(blocks, data, tensor, {sequences, heads, rows, columns});
        const at::Tensor expected = tensor.int_repr()
                                        .slice(0, batch, batch + sequences)
                                        .slice(1, head, head + heads)
                                        .slice(2, row, row + rows);
        EXPECT_TRUE(at::equal(block, expected));
      }
    }
  }
}

TEST(HeadBlocks, AreReadWhereTheyAreDense) {
  load_onednn();
  expect_read(int8({2, 4, 6, 5}), 4, 6, false);  // heads outside
  expect_read(int8({2, 4, 6, 5}), 4, 6, false, 2);
  expect_read(int8({2, 6, 4, 5}).transpose(1, 2), 4, 6, false, 2);
  expect_read(int8({2, 4, 6, 5}), 2, 6, false);
  expect_read(int8({2, 4, 6, 5}), 1, 3, false);
  expect_read(int8({2, 6, 4, 5}).transpose(1, 2), 4, 6, false);        // heads inside
  expect_read(int8({2, 4, 5, 6}).transpose(2, 3), 4, 6, false);        // transposed, heads outside
  expect_read(int8({2, 6, 4, 5}).permute({0, 2, 3, 1}), 4, 5, false);  // and inside
}

TEST(HeadBlocks, AreCopiedWhereTheyAreNot) {
  load_onednn();
  expect_read(int8({2, 4, 6, 5}), 2, 3, true);
  expect_read(int8({2, 4, 6, 5}), 2, 6, true, 2);
  expect_read(int8({4, 2, 6, 5}).transpose(0, 1), 4, 6, true, 2);
  expect_read(int8({2, 6, 4, 5}).transpose(1, 2), 2, 6, true);
  expect_read(int8({2, 6, 4, 5}).transpose(1, 2), 1, 3, true);
  expect_read(int8({2, 6, 4, 5}).permute({0, 2, 3, 1}), 2, 5, true);
  expect_read(int8({2, 6, 4, 15}).transpose(1, 2).slice(3, 5, 10), 4, 6, true);  // packed
}

TEST(HeadBlocks, AreWrittenBackAndMayBeLargerThanTheTensor) {
  load_onednn();
  for (const int64_t rows : {3, 6, 16}) {
    const at::Tensor source = int8({2, 4, 6, 5});
    at::Tensor target = int8({2, 6, 4, 5}).fill_(0).transpose(1, 2);
    const HeadBlocks from(source, {1, 2, rows}, rows, 5, Copies::Always);
    const HeadBlocks to(target, {1, 2, rows}, rows, 5, Copies::Always);
    EXPECT_EQ(from.desc(), to.desc());
    EXPECT_EQ(from.copy_bytes(), 2 * rows * 5);
    std::vector<char> copy(from.copy_bytes(), 99);
    for (const int64_t batch : {0, 1}) {
      for (const int64_t head : {0, 2}) {
        for (int64_t row = 0; row < 6; row += rows) {
          from.read(batch, head, row, copy.data());
          EXPECT_EQ(to.place(batch, head, row, copy.data()), copy.data());
          to.put(batch, head, row, copy.data());
        }
      }
    }
    EXPECT_TRUE(at::equal(source.int_repr(), target.int_repr()));
  }
}

TEST(HeadBlocks, LeaveWhatIsBehindTheLastRow) {
  load_onednn();
  const at::Tensor source = int8({1, 1, 6, 5});
  const HeadBlocks blocks(source, {1, 1, 4}, 4, 8, Copies::Always);
  std::vector<char> copy(blocks.copy_bytes(), 99);
  blocks.read(0, 0, 4, copy.data());
  const at::Tensor block = tensor_of(blocks, copy.data(), source, {1, 1, 4, 8})[0][0];
  EXPECT_TRUE(at::equal(block.slice(0, 0, 2).slice(1, 0, 5), source.int_repr()[0][0].slice(0, 4)));
  EXPECT_TRUE(at::all(block.slice(0, 2) == 99).item<bool>());
  EXPECT_TRUE(at::all(block.slice(1, 5) == 99).item<bool>());
}

TEST(HeadBlocks, HaveZerosBehindTheLastRowWhereTheyAreCleared) {
  load_onednn();
  for (const bool is_transposed : {false, true}) {
    const at::Tensor source =
        is_transposed ? int8({2, 4, 5, 6}).transpose(2, 3) : int8({2, 4, 6, 5});
    const HeadBlocks blocks(source, {2, 4, 16}, 16, 5, Copies::Always);
    std::vector<char> copy(blocks.copy_bytes(), 99);
    blocks.clear_padding(copy.data());
    blocks.read(0, 0, 0, copy.data());
    const at::Tensor block = tensor_of(blocks, copy.data(), source, {2, 4, 16, 5});
    EXPECT_TRUE(at::equal(block.slice(2, 0, 6), source.int_repr()));
    EXPECT_TRUE(at::all(block.slice(2, 6) == 0).item<bool>());
  }
}

TEST(HeadBlocks, HaveNothingToClearWhereNoRowsAreAdded) {
  load_onednn();
  const at::Tensor source = int8({1, 2, 6, 5});
  const HeadBlocks copied(source, {1, 2, 6}, 6, 5, Copies::Always);
  std::vector<char> copy(copied.copy_bytes(), 99);
  copied.clear_padding(copy.data());
  EXPECT_EQ(copy, std::vector<char>(copy.size(), 99));
  HeadBlocks(source, {1, 2, 6}, 6, 5, Copies::WhereNeeded).clear_padding(nullptr);
}

}  // namespace
}  // namespace int8graph
