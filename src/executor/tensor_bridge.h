#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/quantized/Quantizer.h>

#include <oneapi/dnnl/dnnl_graph.hpp>

#include "passes/quantizers.h"

namespace int8graph {

/// What an output tensor of a compiled partition looks like.
struct OutputSpec {
  std::vector<int64_t> sizes;
  std::vector<int64_t> strides;
  c10::ScalarType dtype;
  at::QuantizerPtr quantizer;  ///< null for floating-point outputs
};

/// The strides of a contiguous tensor.
std::vector<int64_t> dense_strides(c10::IntArrayRef sizes);

/// The strides of a dense tensor of sizes [N, C, ...], two at least, whose channels lie side by
/// side.
std::vector<int64_t> channels_last_strides(c10::IntArrayRef sizes);

/// A new, uninitialised tensor, see executor/result_memory.h. Quantized tensors share `quantizer`.
at::Tensor allocate(const OutputSpec& spec);

/// The dtype of what a quantizer makes; f32 where there is none.
c10::ScalarType result_dtype(const at::QuantizerPtr& quantizer);

/// The quantizer of tensors with these parameters.
at::QuantizerPtr make_quantizer(const QuantizerParameters& parameters);

/// A quantizer that make_quantizer() made, as what it is.
inline const at::PerTensorAffineQuantizer& per_tensor(const at::QuantizerPtr& quantizer) {
  return static_cast<const at::PerTensorAffineQuantizer&>(*quantizer);
}

/// A tensor of the given form over the buffer of `donor`, which must be unique and large enough.
at::Tensor allocate_over(at::Tensor donor, const OutputSpec& spec);

c10::ScalarType scalar_type_of(dnnl::graph::logical_tensor::data_type dtype);

/// Whether nobody else holds the tensor or, through a view, its memory, of which it is the start.
bool is_unique(const at::Tensor& tensor);

/// Whether a oneDNN tensor may point straight into this one: plain memory on the CPU, not empty.
bool is_plain(const at::Tensor& tensor);

}  // namespace int8graph
