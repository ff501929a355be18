#include "executor/average_pool.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>

#include "executor/newer_cpus.h"
#include "executor/parallel.h"

namespace int8graph {

namespace {

constexpr int64_t kBlock = 64;  // channels

/// From the first pixel to the one behind the last, along each spatial dimension.
struct Window {
  std::array<int64_t, 3> first, last;

  int64_t pixels() const {
    return (last[0] - first[0]) * (last[1] - first[1]) * (last[2] - first[2]);
  }
};

/// Three spatial dimensions, of which the first ones may be 1.
using Sizes = std::array<int64_t, 3>;

int64_t pixels_of(const Sizes& sizes) {
  return sizes[0] * sizes[1] * sizes[2];
}

/// Which part of the source a pixel of the output is the mean of, as PyTorch has it.
/// @param pixel its number, row after row
Window window_of(const Sizes& output, const Sizes& source, int64_t pixel) {
  const int64_t row = pixel / output[2];
  const Sizes position = {row / output[1], row % output[1], pixel % output[2]};
  Window window;
  for (size_t d = 0; d < 3; ++d) {
    window.first[d] = position[d] * source[d] / output[d];
    window.last[d] = ((position[d] + 1) * source[d] + output[d] - 1) / output[d];
  }
  return window;
}

/// A window's sums of `count` channels, as part of a function for certain CPUs.
/// @param numbers [source, channels], from the first of these channels on
template <typename T>
[[gnu::always_inline]] inline void add_up(const T* numbers, const Sizes& source, int64_t channels,
                                          const Window& window, int64_t count, int64_t* sums) {
  constexpr int64_t kMost = 1 << 20;  // pixels, whose sums fit into 32 bits
  std::fill_n(sums, count, 0);
  std::array<int32_t, kBlock> run;
  for (int64_t z = window.first[0]; z < window.last[0]; ++z) {
    for (int64_t y = window.first[1]; y < window.last[1]; ++y) {
      for (int64_t x = window.first[2]; x < window.last[2];) {
        const int64_t end = std::min(window.last[2], x + kMost);
        std::fill_n(run.data(), count, 0);
        for (; x < end; ++x) {
          const T* pixel = numbers + ((z * source[1] + y) * source[2] + x) * channels;
          for (int64_t c = 0; c < count; ++c) run[c] += pixel[c];
        }
        for (int64_t c = 0; c < count; ++c) sums[c] += run[c];
      }
    }
  }
}

/// The same, whole blocks by loops of constant size, which become vectors.
template <typename T>
[[gnu::always_inline]] inline void add_up_block(const T* numbers, const Sizes& source,
                                                int64_t channels, const Window& window,
                                                int64_t count, int64_t* sums) {
  if (count == kBlock) return add_up(numbers, source, channels, window, kBlock, sums);
  add_up(numbers, source, channels, window, count, sums);
}

INT8GRAPH_FOR_NEWER_CPUS void add_up_u8(const uint8_t* numbers, const Sizes& source,
                                        int64_t channels, const Window& window, int64_t count,
                                        int64_t* sums) {
  add_up_block(numbers, source, channels, window, count, sums);
}
INT8GRAPH_FOR_NEWER_CPUS void add_up_s8(const int8_t* numbers, const Sizes& source,
                                        int64_t channels, const Window& window, int64_t count,
                                        int64_t* sums) {
  add_up_block(numbers, source, channels, window, count, sums);
}

template <typename T>
using AddUp = void (*)(const T* numbers, const Sizes& source, int64_t channels,
                       const Window& window, int64_t count, int64_t* sums);

/// Spatial sizes, with ones before them.
Sizes spatial(at::IntArrayRef sizes) {
  Sizes result = {1, 1, 1};
  std::ranges::copy_backward(sizes, result.end());
  return result;
}

/// @param pixels [..., source, C], one behind the other
/// @param result f32 [..., output, C]
template <typename T>
void average(const at::Tensor& pixels, const Sizes& source, const Sizes& output,
             AddUp<T> add_up_window, at::Tensor& result) {
  const int64_t channels = pixels.size(-1);
  const int64_t in_image = pixels_of(source) * channels;
  const int64_t out_image = pixels_of(output) * channels;
  const int64_t blocks = (channels + kBlock - 1) / kBlock;
  const int64_t images = pixels.numel() / in_image;
  const double scale = pixels.q_scale();
  const int64_t zero_point = pixels.q_zero_point();
  const auto* from = static_cast<const T*>(pixels.const_data_ptr());
  auto* to = result.mutable_data_ptr<float>();
  parallel_for(images * blocks, in_image / blocks, [&](int64_t begin, int64_t end) {
    std::array<int64_t, kBlock> sums;
    for (int64_t i = begin; i < end; ++i) {
      const int64_t channel = i % blocks * kBlock;
      const int64_t count = std::min(kBlock, channels - channel);
      const T* numbers = from + i / blocks * in_image + channel;
      float* mean = to + i / blocks * out_image + channel;
      for (int64_t pixel = 0; pixel < pixels_of(output); ++pixel, mean += channels) {
        const Window window = window_of(output, source, pixel);
        add_up_window(numbers, source, channels, window, count, sums.data());
        const int64_t of_zeros = zero_point * window.pixels();
        const double factor = scale / static_cast<double>(window.pixels());
        for (int64_t c = 0; c < count; ++c) {
          mean[c] = static_cast<float>(static_cast<double>(sums[c] - of_zeros) * factor);
        }
      }
    }
  });
}

}  // namespace

at::Tensor int8_adaptive_avg_pool(const at::Tensor& quantized, at::IntArrayRef output_size) {
  const auto dimensions = static_cast<int64_t>(output_size.size());
  const int64_t channel_axis = quantized.dim() - dimensions - 1;
  TORCH_CHECK(dimensions <= 3 && (channel_axis == 0 || channel_axis == 1), "adaptive_avg_pool",
              dimensions, "d: the input has sizes ", quantized.sizes(), "; accepted: [N, C, ...] ",
              "or [C, ...] with ", dimensions, " spatial dimensions");
  const at::IntArrayRef source = quantized.sizes().slice(channel_axis + 1);
  TORCH_CHECK(std::ranges::all_of(source, [](int64_t size) { return size > 0; }),
              "adaptive_avg_pool", dimensions, "d: the input has no pixels: ", quantized.sizes());
  const at::Tensor pixels = quantized.movedim(channel_axis, -1).contiguous();
  std::vector<int64_t> sizes = pixels.sizes().vec();
  std::ranges::copy(output_size, sizes.begin() + channel_axis);
  at::Tensor result = at::empty(sizes, at::kFloat);
  if (result.numel() > 0) {
    if (quantized.scalar_type() == at::kQUInt8) {
      average<uint8_t>(pixels, spatial(source), spatial(output_size), add_up_u8, result);
    } else {
      average<int8_t>(pixels, spatial(source), spatial(output_size), add_up_s8, result);
    }
  }
  return result.movedim(-1, channel_axis).contiguous();
}

}  // namespace int8graph
