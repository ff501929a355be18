#include "executor/tensor_bridge.h"

#include <ATen/EmptyTensor.h>
#include <ATen/quantized/QTensorImpl.h>
#include <c10/core/CPUAllocator.h>
#include <c10/util/strides.h>

#include <stdexcept>

#include "executor/result_memory.h"

namespace int8graph {

namespace {

at::Tensor over_storage(c10::Storage storage, const OutputSpec& spec) {
  const auto dtype = c10::scalarTypeToTypeMeta(spec.dtype);
  at::Tensor tensor =
      spec.quantizer ? at::detail::make_tensor<at::QTensorImpl>(
                           std::move(storage), c10::DispatchKeySet(c10::DispatchKey::QuantizedCPU),
                           dtype, spec.quantizer)
                     : at::detail::make_tensor<c10::TensorImpl>(
                           std::move(storage), c10::DispatchKeySet(c10::DispatchKey::CPU), dtype);
  tensor.unsafeGetTensorImpl()->set_sizes_and_strides(spec.sizes, spec.strides);
  return tensor;
}

}  // namespace

std::vector<int64_t> dense_strides(c10::IntArrayRef sizes) {
  const auto strides = c10::contiguous_strides(sizes);
  return {strides.begin(), strides.end()};
}

std::vector<int64_t> channels_last_strides(c10::IntArrayRef sizes) {
  std::vector<int64_t> strides(sizes.size());
  strides[1] = 1;
  int64_t stride = sizes[1];
  for (size_t d = sizes.size() - 1; d >= 2; --d) {
    strides[d] = stride;
    stride *= sizes[d];
  }
  strides[0] = stride;
  return strides;
}

at::Tensor allocate(const OutputSpec& spec) {
  c10::Allocator* allocator = c10::GetCPUAllocator();
  const size_t bytes =
      at::detail::computeStorageNbytes(spec.sizes, spec.strides, c10::elementSize(spec.dtype));
  c10::Storage storage(c10::make_intrusive<c10::StorageImpl>(
      c10::StorageImpl::use_byte_size_t(), bytes, allocate_result_memory(bytes), allocator,
      /*resizable=*/true));
  return over_storage(std::move(storage), spec);
}

c10::ScalarType result_dtype(const at::QuantizerPtr& quantizer) {
  return quantizer ? quantizer->scalar_type() : c10::kFloat;
}

at::QuantizerPtr make_quantizer(const QuantizerParameters& parameters) {
  return at::make_per_tensor_affine_quantizer(parameters.scale, parameters.zero_point,
                                              static_cast<c10::ScalarType>(parameters.dtype));
}

at::Tensor allocate_over(at::Tensor donor, const OutputSpec& spec) {
  return over_storage(donor.storage(), spec);
}

c10::ScalarType scalar_type_of(dnnl::graph::logical_tensor::data_type dtype) {
  using data_type = dnnl::graph::logical_tensor::data_type;
  switch (dtype) {
    case data_type::f32:
      return c10::kFloat;
    case data_type::bf16:
      return c10::kBFloat16;
    case data_type::s8:
      return c10::kQInt8;
    case data_type::u8:
      return c10::kQUInt8;
    default:
      throw std::logic_error("a partition has a tensor of a dtype that no operator lowers to");
  }
}

bool is_unique(const at::Tensor& tensor) {
  return tensor.use_count() == 1 && tensor.storage().use_count() == 1 &&
         tensor.storage_offset() == 0;
}

bool is_plain(const at::Tensor& tensor) {
  return tensor.defined() && tensor.layout() == c10::kStrided && tensor.device().is_cpu() &&
         tensor.numel() > 0 && !tensor.is_neg() && !tensor.is_conj();
}

}  // namespace int8graph
