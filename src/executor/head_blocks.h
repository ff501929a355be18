#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <oneapi/dnnl/dnnl.hpp>

namespace int8graph {

/// A tensor's matrices, one for each head of each batch, in blocks as oneDNN's fast matmul reads
/// and writes them: dense, with the heads outside ([heads, rows, columns], or [heads, columns,
/// rows]) or inside ([rows, heads, columns], or [columns, heads, rows]). In version 3.2, whatever
/// lies otherwise is left to its kernel over a plain GEMM. Blocks of tensors that lie otherwise,
/// and blocks that are larger than the matrices, are copied.
///
/// The tensor must outlive this, and has one stride of 1 among its last two.
class HeadBlocks {
 public:
  enum class Copies {
    WhereNeeded,
    Always,  ///< so that blocks of all tensors lie the same way
  };

  /// @param tensor [heads, rows, columns] or [batch, heads, rows, columns]
  /// @param rows, columns of a block. If they are more than the tensor's, what a copy has there is
  ///   not set.
  HeadBlocks(const at::Tensor& tensor, int64_t heads, int64_t rows, int64_t columns, Copies copies);

  /// [1, heads, rows, columns].
  dnnl::memory::desc desc() const;
  const std::array<int64_t, 3>& strides() const { return block_strides_; }

  /// Of the memory that the functions below ask for; 0 if blocks are not copied.
  size_t copy_bytes() const;

  /// The block from a head and a row on: where it lies, or copied to `copy`.
  const void* read(int64_t batch, int64_t head, int64_t row, void* copy) const;

  /// Where that block is to be written, for the second to put it into the tensor.
  void* place(int64_t batch, int64_t head, int64_t row, void* copy) const;
  void put(int64_t batch, int64_t head, int64_t row, const void* copy) const;

 private:
  enum class Order { HeadsOutside, HeadsInside };

  /// Lines are what lies side by side: rows, or columns of a transposed matrix.
  std::array<int64_t, 3> strides_of(Order order) const;
  bool lies_in(Order order) const;
  char* start(int64_t batch, int64_t head, int64_t row) const;
  template <typename CopyLine>
  void for_each_line(int64_t row, const CopyLine& copy_line) const;

  char* data_;
  c10::ScalarType dtype_;
  int64_t element_;                 // bytes
  int64_t batch_stride_;            // elements, as all below
  std::array<int64_t, 3> strides_;  // of heads, rows, columns
  std::array<int64_t, 2> sizes_;    // the tensor's rows and columns
  std::array<int64_t, 3> block_;    // a block's heads, rows, columns
  size_t along_;                    // 1 or 2: the dimension that lines lie along
  bool is_copied_;
  std::array<int64_t, 3> block_strides_;
};

}  // namespace int8graph
