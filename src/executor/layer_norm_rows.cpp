#include "executor/layer_norm_rows.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/layer_norm.h>

#include <cmath>

#include "executor/float_vectors.h"
#include "executor/parallel.h"
#include "executor/quantize_channels_last.h"
#include "executor/result_memory.h"
#include "executor/rounding.h"
#include "executor/tensor_bridge.h"

namespace int8graph {

namespace {

/// What all rows share.
struct Norm {
  int64_t length;
  const float* weight;
  const float* bias;
  float eps;
  Rounding rounding;
};

#ifdef INT8GRAPH_HAS_NEWER_CPUS

/// The sum of one row's `term(x)`. Four sums side by side, so that none waits for the one before.
template <typename Term>
[[gnu::always_inline]] inline float sum_over(const float* x, int64_t length, const Term& term) {
  constexpr int64_t kStep = 4 * kLanes;
  Floats a = {}, b = {}, c = {}, d = {};
  int64_t i = 0;
  for (; i + kStep <= length; i += kStep) {
    Floats v, w, y, z;
    read(v, x + i);
    read(w, x + i + kLanes);
    read(y, x + i + 2 * kLanes);
    read(z, x + i + 3 * kLanes);
    term(v), term(w), term(y), term(z);
    a += v;
    b += w;
    c += y;
    d += z;
  }
  for (; i + kLanes <= length; i += kLanes) {
    Floats v;
    read(v, x + i);
    term(v);
    a += v;
  }
  if (i < length) {  // what is left, read with some before it
    Floats v;
    read(v, x + length - kLanes);
    term(v);
    const Integers is_left = lane_numbers() >= static_cast<int32_t>(i - (length - kLanes));
    b += is_left ? v : Floats{};
  }
  a += b;
  c += d;
  a += c;
  return sum_of(a);
}

/// One vector's worth of a row.
/// @param norm a copy that nobody points to: bytes written might be any object's
[[gnu::always_inline]] inline void finish(const Norm& norm, float mean, float factor,
                                          const float* x, int64_t i, float* values,
                                          uint8_t* bytes) {
  Floats v, weight, bias;
  read(v, x + i);
  read(weight, norm.weight + i);
  read(bias, norm.bias + i);
  v = (v - mean) * factor * weight + bias;
  if (values != nullptr) write(v, values + i);
  const Rounding& rounding = norm.rounding;
  v = v * rounding.inverse_scale + rounding.zero_point;
  v = v < rounding.most ? v : Floats{} + rounding.most;  // so is NaN, as in PyTorch
  v = v > rounding.least ? v : Floats{} + rounding.least;
  write_integers(v, bytes + i);
}

/// Rows of at least kLanes numbers.
/// @param values f32 [rows, length]; null if nobody wants them
INT8GRAPH_FOR_NEWER_CPUS void normalize(const Norm& of_all_rows, const float* x, int64_t rows,
                                        float* values, uint8_t* bytes) {
  const Norm norm = of_all_rows;
  const int64_t length = norm.length;
  const float one = 1.0F / static_cast<float>(length);
  for (int64_t row = 0; row < rows; ++row, x += length, bytes += length) {
    const float mean = sum_over(x, length, [](Floats&) __attribute__((always_inline)){}) * one;
    const float squares = sum_over(
        x, length, [mean](Floats & v) __attribute__((always_inline)) {
          v -= mean;
          v *= v;
        });
    const float factor = 1.0F / std::sqrt(squares * one + norm.eps);
    int64_t i = 0;
    for (; i + kLanes <= length; i += kLanes) finish(norm, mean, factor, x, i, values, bytes);
    // Some of the last numbers are done twice.
    if (i < length) finish(norm, mean, factor, x, length - kLanes, values, bytes);
    if (values != nullptr) values += length;
  }
}

bool is_ours(const at::Tensor& x, at::IntArrayRef shape, const at::Tensor& weight,
             const at::Tensor& bias) {
  const auto is_float = [](const at::Tensor& tensor) {
    return tensor.scalar_type() == at::kFloat && tensor.device().is_cpu() &&
           tensor.layout() == at::kStrided;
  };
  return INT8GRAPH_CPU_IS_NEWER && shape.size() == 1 && shape[0] >= kLanes && x.dim() > 0 &&
         x.size(-1) == shape[0] && is_float(x) && is_float(weight) && is_float(bias) &&
         weight.is_contiguous() && bias.is_contiguous() && weight.sizes() == shape &&
         bias.sizes() == shape;
}

void run(const Norm& norm, const at::Tensor& x, float* values, uint8_t* bytes) {
  const auto* from = x.const_data_ptr<float>();
  const int64_t length = norm.length;
  parallel_for(x.numel() / length, 2 * length, [&](int64_t first, int64_t last) {
    const int64_t start = first * length;
    normalize(norm, from + start, last - first, values == nullptr ? nullptr : values + start,
              bytes + start);
  });
}

#else

bool is_ours(const at::Tensor&, at::IntArrayRef, const at::Tensor&, const at::Tensor&) {
  return false;
}

void run(const Norm&, const at::Tensor&, float*, uint8_t*) {
  TORCH_INTERNAL_ASSERT(false, "layer_norm_rows needs GCC 12 or newer");
}

#endif

/// @param wants_values whether the first of the results is needed
std::tuple<at::Tensor, at::Tensor> norm_and_quantize(const at::Tensor& x, at::IntArrayRef shape,
                                                     const at::Tensor& weight,
                                                     const at::Tensor& bias, double eps,
                                                     const QuantizerParameters& parameters,
                                                     bool wants_values) {
  const auto dtype = static_cast<c10::ScalarType>(parameters.dtype);
  if (!is_ours(x, shape, weight, bias)) {
    const at::Tensor values = at::layer_norm(x, shape, weight, bias, eps);
    return {values, quantize_any_float(values, parameters.scale, parameters.zero_point, dtype)};
  }
  const at::Tensor dense = x.contiguous();
  const ArenaScope arena(true);  // no graph returns what a quantizer makes
  at::Tensor result =
      allocate({x.sizes().vec(), dense_strides(x.sizes()), dtype, make_quantizer(parameters)});
  at::Tensor values = wants_values ? at::empty(x.sizes(), at::kFloat) : at::Tensor();
  const Norm norm = {.length = shape[0],
                     .weight = weight.const_data_ptr<float>(),
                     .bias = bias.const_data_ptr<float>(),
                     .eps = static_cast<float>(eps),
                     .rounding = Rounding(parameters)};
  run(norm, dense, wants_values ? values.mutable_data_ptr<float>() : nullptr,
      static_cast<uint8_t*>(result.data_ptr()));
  return {values, result};
}

}  // namespace

at::Tensor quantized_layer_norm(const at::Tensor& x, at::IntArrayRef shape,
                                const at::Tensor& weight, const at::Tensor& bias, double eps,
                                double scale, int64_t zero_point, int64_t dtype) {
  return std::get<1>(
      norm_and_quantize(x, shape, weight, bias, eps, {scale, zero_point, dtype}, false));
}

std::tuple<at::Tensor, at::Tensor> layer_norm_and_quantized(
    const at::Tensor& x, at::IntArrayRef shape, const at::Tensor& weight, const at::Tensor& bias,
    double eps, double scale, int64_t zero_point, int64_t dtype) {
  return norm_and_quantize(x, shape, weight, bias, eps, {scale, zero_point, dtype}, true);
}

}  // namespace int8graph
