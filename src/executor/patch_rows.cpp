#include "executor/patch_rows.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "executor/newer_cpus.h"

namespace int8graph {

namespace {

constexpr int64_t kBlock = 32;  // bytes

/// Part of a row of patches, and where they lie.
struct Run {
  const uint8_t* image;
  int64_t y;            // of the patches
  int64_t first, last;  // from one x to another
};

/// Patches that lie in the image, as part of a function for certain CPUs. Copies whole blocks, so
/// it reads up to a block behind each piece, and writes as much behind each row.
/// @param blocks of a piece
[[gnu::always_inline]] inline void copy_blocks(const Patches patches, const Run& run,
                                               int64_t blocks, uint8_t* rows) {
  using Block [[gnu::vector_size(kBlock)]] = uint8_t;
  const int64_t line = patches.width * patches.channels;
  const int64_t piece = patches.piece();
  const int64_t row = patches.row();
  const int64_t step = patches.stride_x * patches.channels;
  const uint8_t* corner = run.image + (run.y * patches.stride_y - patches.pad_top) * line +
                          (run.first * patches.stride_x - patches.pad_left) * patches.channels;
  for (int64_t x = run.first; x < run.last; ++x, corner += step, rows += row) {
    for (int64_t k = 0; k < patches.kernel_height; ++k) {
      for (int64_t b = 0; b < blocks; ++b) {
        Block block;
        std::memcpy(&block, corner + k * line + b * kBlock, sizeof block);
        std::memcpy(rows + k * piece + b * kBlock, &block, sizeof block);
      }
    }
  }
}

INT8GRAPH_FOR_NEWER_CPUS void copy_inner(const Patches& patches, const Run& run, uint8_t* rows) {
  const int64_t blocks = (patches.piece() + kBlock - 1) / kBlock;
  if (blocks == 1) return copy_blocks(patches, run, 1, rows);
  copy_blocks(patches, run, blocks, rows);
}

/// Any patches: what lies outside of the image is padding, and nothing else is read or written.
void copy_outer(const Patches& patches, const Run& run, uint8_t padding, uint8_t* rows) {
  const auto bytes = [&](int64_t pixels) { return static_cast<size_t>(pixels * patches.channels); };
  for (int64_t x = run.first; x < run.last; ++x, rows += patches.row()) {
    const int64_t left = x * patches.stride_x - patches.pad_left;
    const int64_t first = std::clamp<int64_t>(-left, 0, patches.kernel_width);
    const int64_t last = std::clamp<int64_t>(patches.width - left, first, patches.kernel_width);
    for (int64_t k = 0; k < patches.kernel_height; ++k) {
      const int64_t y = run.y * patches.stride_y - patches.pad_top + k;
      uint8_t* const piece = rows + k * patches.piece();
      std::memset(piece, padding, bytes(patches.kernel_width));
      if (y < 0 || y >= patches.height || first == last) continue;
      std::memcpy(piece + bytes(first), run.image + bytes(y * patches.width + left + first),
                  bytes(last - first));
    }
  }
}

/// The x of patches that lie in the image, with all that their blocks read: from one to another.
std::pair<int64_t, int64_t> inner_of(const Patches& patches, int64_t y) {
  const int64_t top = y * patches.stride_y - patches.pad_top;
  const int64_t below = patches.height - top - patches.kernel_height;  // lines
  const int64_t line = patches.width * patches.channels;
  const int64_t blocks = (patches.piece() + kBlock - 1) / kBlock * kBlock;
  const int64_t room = std::min(line - patches.piece(), (below + 1) * line - blocks);
  if (top < 0 || below < 0 || room < 0) return {0, 0};
  const int64_t first = (patches.pad_left + patches.stride_x - 1) / patches.stride_x;
  const int64_t last = (room / patches.channels + patches.pad_left) / patches.stride_x + 1;
  return {first, std::max(first, std::min(last, patches.result_width))};
}

}  // namespace

void copy_patches(const Patches& patches, const uint8_t* images, int64_t first, int64_t count,
                  uint8_t padding, uint8_t* rows) {
  const int64_t image_bytes = patches.height * patches.width * patches.channels;
  const int64_t end = first + count;
  const int64_t end_of_blocks = end - (kBlock / patches.row() + 1);  // nothing behind the last row
  for (int64_t i = first; i < end;) {
    const int64_t begin = i % patches.result_width;
    const int64_t last = std::min(patches.result_width, begin + end - i);
    const int64_t y = i / patches.result_width % patches.result_height;
    const int64_t most = std::clamp(begin + end_of_blocks - i, begin, last);
    const auto inner = inner_of(patches, y);
    const int64_t inner_begin = std::clamp(inner.first, begin, most);
    const int64_t inner_end = std::clamp(inner.second, begin, most);
    const uint8_t* const image = images + i / patches.in_image() * image_bytes;
    const auto row_of = [&](int64_t x) { return rows + (i - first + x - begin) * patches.row(); };
    copy_outer(patches, {image, y, begin, inner_begin}, padding, row_of(begin));
    copy_inner(patches, {image, y, inner_begin, inner_end}, row_of(inner_begin));
    copy_outer(patches, {image, y, inner_end, last}, padding, row_of(inner_end));
    i += last - begin;
  }
}

}  // namespace int8graph
