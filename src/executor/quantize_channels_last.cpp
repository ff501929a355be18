#include "executor/quantize_channels_last.h"

#include <ATen/ops/quantize_per_tensor.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <utility>

#include "executor/newer_cpus.h"
#include "executor/parallel.h"
#include "executor/result_memory.h"
#include "executor/rounding.h"
#include "executor/tensor_bridge.h"

namespace int8graph {

namespace {

constexpr int64_t kMostChannels = 4;
constexpr int64_t kBlock = 64;  // pixels

/// A block of pixels of one image of C channels, as part of a function for certain CPUs.
/// @param values [C, pixels], from the block's first pixel on
/// @param bytes [count, C]
template <int64_t C>
[[gnu::always_inline]] inline void quantize_block(const float* values, int64_t pixels,
                                                  int64_t count, const Rounding& rounding,
                                                  uint8_t* bytes) {
  std::array<std::array<uint8_t, kBlock>, C> block;
  for (int64_t c = 0; c < C; ++c) {
    for (int64_t i = 0; i < count; ++i) {
      // Without fused multiply-add, as PyTorch's quantizer has it, that takes ten times as long.
      float value = std::fma(values[c * pixels + i], rounding.inverse_scale, rounding.zero_point);
      value = value < rounding.most ? value : rounding.most;  // so is NaN, as in PyTorch
      value = value > rounding.least ? value : rounding.least;
      block[c][i] = static_cast<uint8_t>(std::bit_cast<int32_t>(value + kToInteger));
    }
  }
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t c = 0; c < C; ++c) bytes[i * C + c] = block[c][i];
  }
}

/// Pixels from `first` to `last` of one image of C channels.
/// @param values [C, pixels]
/// @param bytes [pixels, C]
template <int64_t C>
[[gnu::always_inline]] inline void quantize_pixels(const float* values, int64_t pixels,
                                                   int64_t first, int64_t last,
                                                   const Rounding& rounding, uint8_t* bytes) {
  int64_t pixel = first;
  for (; pixel + kBlock <= last; pixel += kBlock) {  // of constant size, which makes vectors
    quantize_block<C>(values + pixel, pixels, kBlock, rounding, bytes + pixel * C);
  }
  quantize_block<C>(values + pixel, pixels, last - pixel, rounding, bytes + pixel * C);
}

INT8GRAPH_FOR_NEWER_CPUS void quantize_two(const float* values, int64_t pixels, int64_t first,
                                           int64_t last, const Rounding& rounding, uint8_t* bytes) {
  quantize_pixels<2>(values, pixels, first, last, rounding, bytes);
}
INT8GRAPH_FOR_NEWER_CPUS void quantize_three(const float* values, int64_t pixels, int64_t first,
                                             int64_t last, const Rounding& rounding,
                                             uint8_t* bytes) {
  quantize_pixels<3>(values, pixels, first, last, rounding, bytes);
}
INT8GRAPH_FOR_NEWER_CPUS void quantize_four(const float* values, int64_t pixels, int64_t first,
                                            int64_t last, const Rounding& rounding,
                                            uint8_t* bytes) {
  quantize_pixels<4>(values, pixels, first, last, rounding, bytes);
}

bool has_few_channels_apart(const at::Tensor& values) {
  return INT8GRAPH_CPU_IS_NEWER && values.dim() >= 3 && values.size(1) > 1 &&
         values.size(1) <= kMostChannels && values.numel() > 0 && values.device().is_cpu() &&
         values.layout() == c10::kStrided && values.is_contiguous();
}

}  // namespace

at::Tensor quantize_any_float(const at::Tensor& values, double scale, int64_t zero_point,
                              c10::ScalarType dtype) {
  const bool is_reduced = c10::isReducedFloatingType(values.scalar_type());
  return at::quantize_per_tensor(is_reduced ? values.to(c10::kFloat) : values, scale, zero_point,
                                 dtype);
}

at::Tensor quantize_channels_last(const at::Tensor& values, double scale, int64_t zero_point,
                                  int64_t dtype) {
  const auto type = static_cast<c10::ScalarType>(dtype);
  if (values.scalar_type() != c10::kFloat || !has_few_channels_apart(values)) {
    return quantize_any_float(values, scale, zero_point, type);
  }
  const QuantizerParameters parameters = {.scale = scale, .zero_point = zero_point, .dtype = dtype};
  const ArenaScope arena(true);  // no graph returns what a quantizer makes
  at::Tensor result = allocate({values.sizes().vec(), channels_last_strides(values.sizes()), type,
                                make_quantizer(parameters)});
  const int64_t channels = values.size(1);
  const int64_t pixels = values.numel() / values.size(0) / channels;
  const Rounding rounding(parameters);
  constexpr std::array kKernels = {quantize_two, quantize_three, quantize_four};
  const auto kernel = kKernels[static_cast<size_t>(channels - 2)];
  const float* from = values.const_data_ptr<float>();
  auto* to = static_cast<uint8_t*>(result.data_ptr());
  parallel_for(values.size(0) * pixels, channels, [&](int64_t begin, int64_t end) {
    while (begin < end) {
      const int64_t first = begin % pixels;  // of an image
      const int64_t last = std::min(pixels, first + end - begin);
      const int64_t start = (begin - first) * channels;
      kernel(from + start, pixels, first, last, rounding, to + start);
      begin += last - first;
    }
  });
  return result;
}

}  // namespace int8graph
