#include "executor/product_tensors.h"

#include <utility>

#include "executor/tensor_bridge.h"

namespace int8graph {

namespace {

/// The strides of a product of these sizes.
std::vector<int64_t> strides_of(const std::vector<int64_t>& sizes, OutputLayout layout) {
  if (layout != OutputLayout::HeadsInside || sizes.size() != 4) return dense_strides(sizes);
  std::vector<int64_t> strides =
      dense_strides(std::vector<int64_t>{sizes[0], sizes[2], sizes[1], sizes[3]});
  std::swap(strides[1], strides[2]);
  return strides;
}

}  // namespace

at::Tensor with_dense_rows_or_columns(const at::Tensor& tensor) {
  const auto strides = tensor.strides();
  const bool is_dense = strides.back() == 1 || strides[strides.size() - 2] == 1;
  return is_dense ? tensor : tensor.contiguous();
}

at::Tensor allocate_result(const at::QuantizerPtr& quantizer, std::vector<int64_t> sizes,
                           OutputLayout layout) {
  std::vector<int64_t> strides = strides_of(sizes, layout);
  const auto dtype = result_dtype(quantizer);
  return allocate({std::move(sizes), std::move(strides), dtype, quantizer});
}

}  // namespace int8graph
