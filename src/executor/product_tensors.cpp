#include "executor/product_tensors.h"

#include <utility>

#include "executor/tensor_bridge.h"

namespace int8graph {

at::Tensor with_dense_rows_or_columns(const at::Tensor& tensor) {
  const auto strides = tensor.strides();
  const bool is_dense = strides.back() == 1 || strides[strides.size() - 2] == 1;
  return is_dense ? tensor : tensor.contiguous();
}

std::vector<int64_t> strides_of(const std::vector<int64_t>& sizes, OutputLayout layout) {
  if (layout != OutputLayout::HeadsInside || sizes.size() != 4) return dense_strides(sizes);
  std::vector<int64_t> strides =
      dense_strides(std::vector<int64_t>{sizes[0], sizes[2], sizes[1], sizes[3]});
  std::swap(strides[1], strides[2]);
  return strides;
}

}  // namespace int8graph
