#pragma once

#include <ATen/quantized/Quantizer.h>

#include <cstdint>
#include <limits>
#include <span>

#include "executor/post_op.h"

namespace int8graph {

/// Between what numbers clamps keep a result.
struct Limits {
  double least = -std::numeric_limits<double>::infinity();
  double most = std::numeric_limits<double>::infinity();
};

/// ReLU is one.
bool is_clamp(const PostOp& op);

/// @param clamps one behind the other, see is_clamp()
Limits limits_of(std::span<const PostOp> clamps);

/// How our own kernels write a layer's result: as floats, or rounded, in unsigned bytes: int8
/// numbers are 128 more, which is one bit of theirs.
struct ResultForm {
  /// @param quantizer of the result; null for f32
  /// @param limits in its steps, or of floats
  ResultForm(const at::QuantizerPtr& quantizer, Limits limits);

  /// Of a number of the result.
  int64_t bytes() const { return writes_floats ? sizeof(float) : 1; }

  bool writes_floats;
  float least, most;  ///< of the unsigned steps, or floats
  uint8_t flip;       ///< the bits that make unsigned bytes signed
};

/// What makes numbers of a dtype unsigned when it is added; 0 for those that are.
int shift_of(c10::ScalarType dtype);

}  // namespace int8graph
