#include "executor/max_pool.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "executor/newer_cpus.h"
#include "executor/parallel.h"
#include "executor/profile.h"

namespace int8graph {

namespace {

constexpr int64_t kBlock = 64;              // bytes
constexpr int64_t kBytesOfATile = 1 << 14;  // which the L1 cache holds beside its result

/// Along one dimension.
struct Axis {
  int64_t source = 1, result = 1;  // sizes
  int64_t kernel = 1, stride = 1, dilation = 1, pad = 0;

  /// The first place of the source in the window of a place of the result, and a place behind all.
  /// Between them, the window has one every `dilation`.
  std::pair<int64_t, int64_t> window(int64_t place) const {
    const int64_t begin = place * stride - pad;
    const int64_t end = begin + (kernel - 1) * dilation + 1;
    const int64_t outside = begin < 0 ? (-begin + dilation - 1) / dilation : 0;
    return {begin + outside * dilation, std::min(end, source)};
  }
};

/// Three, of which the first ones may be of size 1: planes, rows, pixels.
using Axes = std::array<Axis, 3>;

/// A vector of numbers, in functions for certain CPUs.
template <typename T>
using Block [[gnu::vector_size(kBlock)]] = T;

template <typename T>
[[gnu::always_inline]] inline void keep_larger(Block<T>& kept, const T* numbers) {
  Block<T> others;
  std::memcpy(&others, numbers, sizeof others);
  kept = kept > others ? kept : others;
}

/// The largest numbers of some rows of the source, then of each window along them. So a window of
/// 3 x 3 takes four comparisons where it would take eight.
///
/// Writes whole blocks, so what lies behind a pixel's channels is written before it is known, and
/// up to a block behind the row.
/// @param rows those in the window, [pixels, C] each
/// @param next how far behind each of them the next window has its own
/// @param of_column [pixels, C] and a block behind it, for what they give
/// @param result [pixels, C] and a block behind it
template <typename T>
[[gnu::always_inline]] inline void pool_row(c10::ArrayRef<const T*> rows, const Axis pixels,
                                            int64_t next, int64_t channels, T* of_column,
                                            T* result) {
  constexpr T kLeast = std::numeric_limits<T>::lowest();
  const int64_t size = pixels.source * channels;
  int64_t i = 0;
  for (; i + kBlock <= size; i += kBlock) {
    Block<T> largest = Block<T>{} + kLeast;
    for (const T* row : rows) {
      __builtin_prefetch(row + i + next);  // in the L2 cache at best: of 8 images, a fifth faster
      keep_larger<T>(largest, row + i);
    }
    std::memcpy(of_column + i, &largest, sizeof largest);
  }
  for (; i < size; ++i) {
    of_column[i] = kLeast;
    for (const T* row : rows) of_column[i] = std::max(of_column[i], row[i]);
  }
  for (int64_t x = 0; x < pixels.result; ++x) {
    const auto [first, last] = pixels.window(x);
    for (int64_t c = 0; c < channels; c += kBlock) {
      Block<T> largest = Block<T>{} + kLeast;
      for (int64_t place = first; place < last; place += pixels.dilation) {
        keep_larger<T>(largest, of_column + place * channels + c);
      }
      std::memcpy(result + x * channels + c, &largest, sizeof largest);
    }
  }
}

INT8GRAPH_FOR_NEWER_CPUS void pool_row_u8(c10::ArrayRef<const uint8_t*> rows, const Axis& pixels,
                                          int64_t next, int64_t channels, uint8_t* of_column,
                                          uint8_t* result) {
  pool_row(rows, pixels, next, channels, of_column, result);
}
INT8GRAPH_FOR_NEWER_CPUS void pool_row_s8(c10::ArrayRef<const int8_t*> rows, const Axis& pixels,
                                          int64_t next, int64_t channels, int8_t* of_column,
                                          int8_t* result) {
  pool_row(rows, pixels, next, channels, of_column, result);
}

template <typename T>
using PoolRow = void (*)(c10::ArrayRef<const T*> rows, const Axis& pixels, int64_t next,
                         int64_t channels, T* of_column, T* result);

Axes axes_of(const PoolPlan& pool, at::IntArrayRef source, at::IntArrayRef result) {
  Axes axes;
  const size_t dimensions = pool.kernel.size();
  for (size_t d = 0; d < dimensions; ++d) {
    axes[axes.size() - dimensions + d] = {source[d + 2],   result[d + 2],     pool.kernel[d],
                                          pool.strides[d], pool.dilations[d], pool.pads[d]};
  }
  return axes;
}

/// A part of each row of the result, and what it reads of the source's rows.
struct Tile {
  Axis pixels;             // as if there were nothing else
  int64_t source, result;  // where it begins
};

/// @param size of the result, where there is as much left
Tile tile_of(const Axis& pixels, int64_t number, int64_t size) {
  const int64_t first = number * size;
  const int64_t last = std::min(first + size, pixels.result) - 1;
  const int64_t begin = std::max<int64_t>(0, first * pixels.stride - pixels.pad);
  const int64_t end = pixels.window(last).second;
  Tile tile{pixels, begin, first};
  tile.pixels.source = std::max<int64_t>(0, end - begin);
  tile.pixels.result = last - first + 1;
  tile.pixels.pad = pixels.pad + begin - first * pixels.stride;
  return tile;
}

/// Long rows are done in tiles, by threads of their own, which share what windows have in common.
int64_t tile_size(const Axis& pixels, int64_t channels) {
  const int64_t window = (pixels.kernel - 1) * pixels.dilation + 1;
  const int64_t read = std::max(kBytesOfATile / channels, 4 * window);  // pixels
  return std::max<int64_t>(1, read / pixels.stride);
}

template <typename T>
void pool_rows(const Axes& axes, int64_t images, int64_t channels, PoolRow<T> pool_one,
               const T* source, T* result) {
  const auto& [planes, rows, pixels] = axes;
  const int64_t size = tile_size(pixels, channels);
  const int64_t tiles = (pixels.result + size - 1) / size;
  const int64_t line = pixels.source * channels;
  const int64_t read_bytes = planes.kernel * rows.kernel * (line / tiles + 1);
  const int64_t next = tiles > 1 ? size * pixels.stride * channels : rows.stride * line;
  const auto pool_some = [&](int64_t begin, int64_t end) {
    std::vector<const T*> window;
    std::vector<T> of_column, row;
    for (int64_t i = begin; i < end; ++i) {
      const Tile tile = tile_of(pixels, i % tiles, size);
      const int64_t y = i / tiles;  // of all rows of the result
      const auto [first_plane, last_plane] = planes.window(y / rows.result % planes.result);
      const auto [first_row, last_row] = rows.window(y % rows.result);
      const T* const image =
          source + y / rows.result / planes.result * planes.source * rows.source * line;
      window.clear();
      for (int64_t plane = first_plane; plane < last_plane; plane += planes.dilation) {
        for (int64_t r = first_row; r < last_row; r += rows.dilation) {
          window.push_back(image + (plane * rows.source + r) * line + tile.source * channels);
        }
      }
      of_column.resize(static_cast<size_t>(tile.pixels.source * channels + kBlock));
      row.resize(static_cast<size_t>(tile.pixels.result * channels + kBlock));
      pool_one(window, tile.pixels, next, channels, of_column.data(), row.data());
      std::memcpy(result + (y * pixels.result + tile.result) * channels, row.data(),
                  row.size() - kBlock);
    }
  };
  parallel_for(images * planes.result * rows.result * tiles, read_bytes, pool_some);
}

}  // namespace

void max_pool(const PoolPlan& pool, const at::Tensor& source, const at::Tensor& result) {
  const KernelTimer timer;
  if (result.numel() == 0) return;
  const Axes axes = axes_of(pool, source.sizes(), result.sizes());
  const int64_t images = source.size(0), channels = source.size(1);
  if (source.scalar_type() == at::kQUInt8) {
    pool_rows(axes, images, channels, pool_row_u8,
              static_cast<const uint8_t*>(source.const_data_ptr()),
              static_cast<uint8_t*>(result.data_ptr()));
  } else {
    pool_rows(axes, images, channels, pool_row_s8,
              static_cast<const int8_t*>(source.const_data_ptr()),
              static_cast<int8_t*>(result.data_ptr()));
  }
}

}  // namespace int8graph
