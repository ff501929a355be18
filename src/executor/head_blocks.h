#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <oneapi/dnnl/dnnl.hpp>

#include "executor/attention_blocks.h"

namespace int8graph {

/// A tensor's matrices, one for each head of each sequence, in blocks as oneDNN's fast matmul reads
/// and writes them: dense, with the heads outside ([batch, heads, rows, columns], or [batch, heads,
/// columns, rows]) or inside ([batch, rows, heads, columns], or [batch, columns, heads, rows]). In
/// version 3.2, whatever lies otherwise is left to its kernel over a plain GEMM. Blocks of tensors
/// that lie otherwise, and blocks that are larger than the matrices, are copied.
///
/// The tensor must outlive this, and has one stride of 1 among its last two.
class HeadBlocks {
 public:
  enum class Copies {
    WhereNeeded,
    Always,  ///< so that blocks of all tensors lie the same way
  };

  /// @param tensor [heads, rows, columns] or [batch, heads, rows, columns], of any dtype
  /// @param block whose batch and heads count
  /// @param rows, columns of a block. If they are more than the tensor's, read() leaves what a copy
  ///   has there.
  HeadBlocks(const at::Tensor& tensor, const AttentionBlock& block, int64_t rows, int64_t columns,
             Copies copies);

  /// [batch, heads, rows, columns].
  dnnl::memory::desc desc() const;
  const std::array<int64_t, 4>& strides() const { return block_strides_; }

  /// Of the memory that the functions below ask for; 0 if blocks are not copied.
  size_t copy_bytes() const;

  /// The block that starts there: where it lies, or copied to `copy`.
  const void* read(int64_t batch, int64_t head, int64_t row, void* copy) const;

  /// Sets the rows that blocks from row 0 on have more than the tensor to zeros, in the copy.
  void clear_padding(void* copy) const;

  /// Where that block is to be written, for the second to put it into the tensor, which is ours to
  /// write.
  void* place(int64_t batch, int64_t head, int64_t row, void* copy) const;
  void put(int64_t batch, int64_t head, int64_t row, const void* copy) const;

 private:
  enum class Order { HeadsOutside, HeadsInside };

  std::array<int64_t, 4> dense_in(Order order) const;
  bool lies_in(Order order) const;
  char* start(int64_t batch, int64_t head, int64_t row) const;
  template <typename CopyLine>
  void for_each_line(int64_t row, const CopyLine& copy_line) const;

  char* data_;
  c10::ScalarType dtype_;
  int64_t element_;                 // bytes
  std::array<int64_t, 4> strides_;  // of sequences, heads, rows and columns, in elements
  int64_t rows_, columns_;          // the tensor's
  std::array<int64_t, 4> block_;    // sizes
  size_t along_, across_;  // the dimension that lines lie along, and that of lines: 2 and 3
  bool is_copied_;
  std::array<int64_t, 4> block_strides_;
};

}  // namespace int8graph
