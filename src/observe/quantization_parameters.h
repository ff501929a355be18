#pragma once

#include <cstdint>

#include "int8graph/quant_conf.h"

namespace int8graph {

/// From ranges to integers: pure functions, with the formulas (and to the last bit the results) of
/// PyTorch's observers in torch/ao/quantization/observer.py. All arithmetic is float32.

struct QuantizationParameters {
  double scale;
  int64_t zero_point;
};

/// MinMaxObserver for quint8 with per_tensor_affine (UInt8: levels 0..255) and for qint8 with
/// per_tensor_symmetric (Int8: levels -128..127, zero point 0). The range is widened to hold 0, the
/// scale is at least float32's epsilon, the zero point lies within the levels. Where the range's
/// width overflows float32, which PyTorch answers with an infinite scale, it is halved first.
/// @param range finite
QuantizationParameters choose_parameters(Range range, QDType dtype);

/// The range that the parameters can express; choose_parameters() of it is the parameters again, up
/// to rounding.
Range range_of(QuantizationParameters parameters, QDType dtype);

/// PerChannelMinMaxObserver for qint8 with per_channel_symmetric, for one channel: a weight's
/// scale.
double choose_weight_scale(Range range);

/// MinMaxObserver's accumulation: the smallest interval that holds both.
Range join(Range a, Range b);

/// MovingAverageMinMaxObserver's accumulation: each bound moves from `average` towards `latest` by
/// its default averaging constant, 0.01.
Range moving_average(Range average, Range latest);

}  // namespace int8graph
