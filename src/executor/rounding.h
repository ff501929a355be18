#pragma once

#include <c10/core/ScalarType.h>

#include "passes/quantizers.h"

namespace int8graph {

/// How numbers become integers: x / scale + zero_point, within the type.
struct Rounding {
  explicit Rounding(const QuantizerParameters& parameters)
      : inverse_scale(1.0F / static_cast<float>(parameters.scale)),
        zero_point(static_cast<float>(parameters.zero_point)),
        least(static_cast<c10::ScalarType>(parameters.dtype) == c10::kQUInt8 ? 0.0F : -128.0F),
        most(least + 255) {}

  float inverse_scale;
  float zero_point;
  float least, most;  ///< of the type
};

}  // namespace int8graph
