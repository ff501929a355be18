/// The operators that artifacts run on, registered when the library is loaded.

#include <ATen/core/Tensor.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/runtime/custom_operator.h>
#include <torch/library.h>

#include "executor/average_pool.h"
#include "executor/layer_norm_rows.h"
#include "executor/lookup.h"
#include "executor/partition_kernel.h"
#include "executor/quantize_channels_last.h"
#include "executor/shared_kernels.h"
#include "passes/partition_node.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

/// The partition node is variadic, so it has no schema; its kernel is made from the node itself
/// when the interpreter's code is, unless the node has one already, and lives as long as that.
jit::Operation make_partition(const jit::Node* node) {
  const auto kernel = kernel_of(*node);
  return [kernel](jit::Stack& stack) { kernel->run(stack); };
}

const jit::RegisterOperators kPartition({jit::Operator(partition_symbol(), make_partition,
                                                       c10::AliasAnalysisKind::PURE_FUNCTION)});

/// `aten::dequantize` with its parameters as arguments, see passes/explicit_dequantize.h.
at::Tensor dequantize(const at::Tensor& quantized, double /*scale*/, int64_t /*zero_point*/,
                      int64_t /*dtype*/) {
  return quantized.dequantize();
}

/// Quantizers take fp32 alone. So under torch.autocast they are among the operators that get it
/// where autocast has made a reduced float of what they read.
at::Tensor quantize_under_autocast(const at::Tensor& values, double scale, int64_t zero_point,
                                   c10::ScalarType dtype) {
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::DispatchKey::AutocastCPU);
  return quantize_any_float(values, scale, zero_point, dtype);
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, AutocastCPU, library) {
  library.impl("quantize_per_tensor", quantize_under_autocast);
}

TORCH_LIBRARY(int8graph, library) {
  library.def("adaptive_avg_pool1d(Tensor quantized, int[1] output_size) -> Tensor");
  library.def("adaptive_avg_pool2d(Tensor quantized, int[2] output_size) -> Tensor");
  library.def("adaptive_avg_pool3d(Tensor quantized, int[3] output_size) -> Tensor");
  library.def(
      "quantize_channels_last(Tensor values, float scale, int zero_point, int dtype) -> Tensor");
  library.def(
      "quantized_layer_norm(Tensor x, int[] shape, Tensor weight, Tensor bias, float eps,"
      " float scale, int zero_point, int dtype) -> Tensor");
  library.def(
      "layer_norm_and_quantized(Tensor x, int[] shape, Tensor weight, Tensor bias, float eps,"
      " float scale, int zero_point, int dtype) -> (Tensor, Tensor)");
  library.def("dequantize(Tensor quantized, float scale, int zero_point, int dtype) -> Tensor");
  library.def(
      "embedding(Tensor weight, Tensor indices, SymInt padding_idx=-1, bool "
      "scale_grad_by_freq=False,"
      " bool sparse=False) -> Tensor");
  library.def(
      "embedding_bag(Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq=False,"
      " int mode=0, bool sparse=False, Tensor? per_sample_weights=None,"
      " bool include_last_offset=False, int? padding_idx=None)"
      " -> (Tensor, Tensor, Tensor, Tensor)");
}

TORCH_LIBRARY_IMPL(int8graph, CompositeExplicitAutograd, library) {
  library.impl("dequantize", dequantize);
  library.impl("layer_norm_and_quantized", layer_norm_and_quantized);
  library.impl("quantized_layer_norm", quantized_layer_norm);
  library.impl("quantize_channels_last", quantize_channels_last);
}

TORCH_LIBRARY_IMPL(int8graph, QuantizedCPU, library) {
  library.impl("adaptive_avg_pool1d", int8_adaptive_avg_pool);
  library.impl("adaptive_avg_pool2d", int8_adaptive_avg_pool);
  library.impl("adaptive_avg_pool3d", int8_adaptive_avg_pool);
  library.impl("embedding", int8_embedding);
  library.impl("embedding_bag", int8_embedding_bag);
}

}  // namespace int8graph
