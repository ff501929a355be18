#pragma once

#include <ATen/quantized/Quantizer.h>
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <oneapi/dnnl/dnnl.hpp>
#include <span>
#include <vector>

#include "executor/post_op.h"
#include "executor/weight_and_bias.h"

namespace int8graph {

/// The arguments that all calls of a partition's primitives share, whatever the shapes: weights,
/// bias, scales, zero points. Filled once, then read by all threads.
class PrimitiveConstants {
 public:
  void add(int place, dnnl::memory value);
  void add_scale(int place, double scale);

  /// Scale and zero point of what is read, unless they are 1 and 0.
  void add_source(const QuantizerParameters& parameters);
  /// Scale and, unless it is 0, zero point of the result; nothing for a result in fp32.
  void add_quantizer(const at::QuantizerPtr& quantizer);
  /// The scales of a layer's weight, and its bias if it has one. Both outlive the constants.
  /// @param bias how the primitive sees the bias
  void add_layer(const WeightAndBias& layer, const dnnl::memory::desc& bias);
  /// The numbers of those post-ops that have one for each channel. They outlive the constants.
  /// @param channels how they lie
  void add_post_ops(std::span<const PostOp> post_ops, const dnnl::memory::desc& channels);

  std::span<const dnnl_exec_arg_t> arguments() const { return arguments_; }

 private:
  void add_zero_point(int place, int64_t zero_point);

  std::vector<dnnl::memory> memories_;
  std::vector<dnnl_exec_arg_t> arguments_;
};

/// The attributes of a primitive that a PrimitiveRunner runs, which brings its scratch memory.
dnnl::primitive_attr plain_attributes();

/// oneDNN's name of a tensor's dtype, for primitives: f32, and int8.
/// @throws std::invalid_argument for others
dnnl::memory::data_type onednn_dtype(c10::ScalarType dtype);

/// PyTorch's dilations as oneDNN has them, which counts what lies between neighbours.
dnnl::memory::dims onednn_dilations(dnnl::memory::dims dilations);

}  // namespace int8graph
