#include "executor/head_blocks.h"

#include <algorithm>
#include <cstring>

#include "executor/parallel.h"
#include "executor/primitive_constants.h"

namespace int8graph {

using dnnl::memory;

HeadBlocks::HeadBlocks(const at::Tensor& tensor, const AttentionBlock& block, int64_t rows,
                       int64_t columns, Copies copies)
    : data_(static_cast<char*>(const_cast<void*>(tensor.const_data_ptr()))),
      dtype_(tensor.scalar_type()),
      element_(static_cast<int64_t>(tensor.itemsize())),
      strides_{tensor.dim() == 4 ? tensor.stride(0) : 0, tensor.stride(-3), tensor.stride(-2),
               tensor.stride(-1)},
      rows_(tensor.size(-2)),
      columns_(tensor.size(-1)),
      block_{block.batch, block.heads, rows, columns},
      along_(strides_[3] == 1 ? 3 : 2),
      across_(5 - along_) {
  const bool may_lie = copies == Copies::WhereNeeded && rows <= rows_ && columns <= columns_;
  const bool is_inside = may_lie && lies_in(Order::HeadsInside);
  is_copied_ = !is_inside && !(may_lie && lies_in(Order::HeadsOutside));
  block_strides_ = dense_in(is_inside ? Order::HeadsInside : Order::HeadsOutside);
}

/// The strides of a block whose lines are dense.
std::array<int64_t, 4> HeadBlocks::dense_in(Order order) const {
  const auto [batch, heads, rows, columns] = block_;
  const int64_t line = block_[along_];
  std::array<int64_t, 4> strides{};
  strides[0] = heads * rows * columns;
  strides[1] = order == Order::HeadsInside ? line : rows * columns;
  strides[across_] = order == Order::HeadsInside ? heads * line : line;
  strides[along_] = 1;
  return strides;
}

bool HeadBlocks::lies_in(Order order) const {
  const auto dense = dense_in(order);
  return std::ranges::all_of(std::array{0, 1, 2, 3},
                             [&](size_t d) { return strides_[d] == dense[d] || block_[d] == 1; });
}

memory::desc HeadBlocks::desc() const {
  return {memory::dims(block_.begin(), block_.end()), onednn_dtype(dtype_),
          memory::dims(block_strides_.begin(), block_strides_.end())};
}

size_t HeadBlocks::copy_bytes() const {
  const auto [batch, heads, rows, columns] = block_;
  return is_copied_ ? static_cast<size_t>(batch * heads * rows * columns * element_) : 0;
}

char* HeadBlocks::start(int64_t batch, int64_t head, int64_t row) const {
  const int64_t existing = std::min(row, rows_ - 1);  // behind the last row lies nothing
  return data_ + (batch * strides_[0] + head * strides_[1] + existing * strides_[2]) * element_;
}

/// Calls `copy_line(offset in the tensor, offset in the copy, size)`, in bytes, for what a block
/// from this row on has of the tensor.
template <typename CopyLine>
void HeadBlocks::for_each_line(int64_t row, const CopyLine& copy_line) const {
  const std::array<int64_t, 4> present = {block_[0], block_[1],
                                          std::clamp<int64_t>(rows_ - row, 0, block_[2]),
                                          std::min(block_[3], columns_)};
  const auto bytes = static_cast<size_t>(present[along_] * element_);
  const int64_t cost = present[across_] * present[along_] * element_;
  parallel_for(present[0] * present[1], cost, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      const int64_t batch = i / present[1];
      const int64_t head = i % present[1];
      for (int64_t line = 0; line < present[across_]; ++line) {
        const auto offset = [&](const std::array<int64_t, 4>& strides) {
          return (batch * strides[0] + head * strides[1] + line * strides[across_]) * element_;
        };
        copy_line(offset(strides_), offset(block_strides_), bytes);
      }
    }
  });
}

const void* HeadBlocks::read(int64_t batch, int64_t head, int64_t row, void* copy) const {
  const char* from = start(batch, head, row);
  if (!is_copied_) return from;
  for_each_line(row, [&](int64_t in_tensor, int64_t in_copy, size_t bytes) {
    std::memcpy(static_cast<char*>(copy) + in_copy, from + in_tensor, bytes);
  });
  return copy;
}

void HeadBlocks::clear_padding(void* copy) const {
  const int64_t padding = block_[2] - rows_;
  if (!is_copied_ || padding <= 0) return;
  // Rows that are dense lie behind each other; otherwise each column has a run of zeros.
  const bool has_dense_rows = along_ == 3;
  const int64_t runs = has_dense_rows ? 1 : block_[3];
  const int64_t bytes = padding * (has_dense_rows ? block_[3] : 1) * element_;
  char* first_run = static_cast<char*>(copy) + rows_ * block_strides_[2] * element_;
  parallel_for(block_[0] * block_[1], runs * bytes, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      char* runs_of_head = first_run + i * block_strides_[1] * element_;
      for (int64_t run = 0; run < runs; ++run) {
        std::memset(runs_of_head + run * block_strides_[3] * element_, 0,
                    static_cast<size_t>(bytes));
      }
    }
  });
}

void* HeadBlocks::place(int64_t batch, int64_t head, int64_t row, void* copy) const {
  return is_copied_ ? copy : start(batch, head, row);
}

void HeadBlocks::put(int64_t batch, int64_t head, int64_t row, const void* copy) const {
  if (!is_copied_) return;
  char* to = start(batch, head, row);
  for_each_line(row, [&](int64_t in_tensor, int64_t in_copy, size_t bytes) {
    std::memcpy(to + in_tensor, static_cast<const char*>(copy) + in_copy, bytes);
  });
}

}  // namespace int8graph
