#include "executor/head_blocks.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstring>

#include "executor/primitive_constants.h"

namespace int8graph {

using dnnl::memory;

HeadBlocks::HeadBlocks(const at::Tensor& tensor, int64_t heads, int64_t rows, int64_t columns,
                       Copies copies)
    : data_(static_cast<char*>(const_cast<void*>(tensor.const_data_ptr()))),
      dtype_(tensor.scalar_type()),
      element_(static_cast<int64_t>(tensor.itemsize())),
      batch_stride_(tensor.dim() == 4 ? tensor.stride(0) : 0),
      strides_{tensor.stride(-3), tensor.stride(-2), tensor.stride(-1)},
      sizes_{tensor.size(-2), tensor.size(-1)},
      block_{heads, rows, columns},
      along_(strides_[2] == 1 ? 2 : 1) {
  const bool fits = copies == Copies::WhereNeeded && rows <= sizes_[0] && columns <= sizes_[1];
  const bool is_inside = fits && lies_in(Order::HeadsInside);
  is_copied_ = !is_inside && !(fits && lies_in(Order::HeadsOutside));
  block_strides_ = strides_of(is_inside ? Order::HeadsInside : Order::HeadsOutside);
}

std::array<int64_t, 3> HeadBlocks::strides_of(Order order) const {
  const size_t across = 3 - along_;
  const int64_t line = block_[along_];
  std::array<int64_t, 3> strides{};
  strides[along_] = 1;
  strides[across] = order == Order::HeadsInside ? block_[0] * line : line;
  strides[0] = order == Order::HeadsInside ? line : block_[across] * line;
  return strides;
}

bool HeadBlocks::lies_in(Order order) const {
  const auto wanted = strides_of(order);
  return std::ranges::all_of(std::array{0, 1, 2},
                             [&](size_t d) { return strides_[d] == wanted[d] || block_[d] == 1; });
}

memory::desc HeadBlocks::desc() const {
  const auto [heads, rows, columns] = block_;
  const auto [head, row, column] = block_strides_;
  return {{1, heads, rows, columns},
          onednn_dtype(dtype_),
          memory::dims{heads * rows * columns, head, row, column}};
}

size_t HeadBlocks::copy_bytes() const {
  return is_copied_ ? static_cast<size_t>(block_[0] * block_[1] * block_[2] * element_) : 0;
}

char* HeadBlocks::start(int64_t batch, int64_t head, int64_t row) const {
  return data_ + (batch * batch_stride_ + head * strides_[0] + row * strides_[1]) * element_;
}

/// Calls `copy_line(offset in the tensor, offset in the copy, size)`, in bytes, for what a block
/// from this row on has of the tensor.
template <typename CopyLine>
void HeadBlocks::for_each_line(int64_t row, const CopyLine& copy_line) const {
  const size_t across = 3 - along_;
  const std::array<int64_t, 3> present = {block_[0],
                                          std::clamp<int64_t>(sizes_[0] - row, 0, block_[1]),
                                          std::min(block_[2], sizes_[1])};
  at::parallel_for(0, block_[0], 1, [&](int64_t first, int64_t last) {
    for (int64_t head = first; head < last; ++head) {
      for (int64_t line = 0; line < present[across]; ++line) {
        copy_line((head * strides_[0] + line * strides_[across]) * element_,
                  (head * block_strides_[0] + line * block_strides_[across]) * element_,
                  static_cast<size_t>(present[along_] * element_));
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
