#include "executor/patch_rows.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace int8graph {
namespace {

struct Window {
  int64_t height, width;
  int64_t stride_y = 1, stride_x = 1;
  int64_t pad_top = 0, pad_left = 0;
  int64_t more_below = 0, more_right = 0;  // padding than above and to the left
};

constexpr uint8_t kPadding = 113;
constexpr uint8_t kUntouched = 201;

/// [N, H, W, C] of bytes.
at::Tensor images(at::IntArrayRef sizes) {
  at::manual_seed(3);
  return at::randint(0, 256, sizes, at::kByte);
}

Patches patches_of(const at::Tensor& image, const Window& w) {
  const int64_t height = image.size(1), width = image.size(2);
  return {image.size(3),
          height,
          width,
          (height + 2 * w.pad_top + w.more_below - w.height) / w.stride_y + 1,
          (width + 2 * w.pad_left + w.more_right - w.width) / w.stride_x + 1,
          w.height,
          w.width,
          w.stride_y,
          w.stride_x,
          w.pad_top,
          w.pad_left};
}

/// All patches by PyTorch, [N * OH * OW, KH * KW * C].
at::Tensor by_pytorch(const at::Tensor& image, const Window& w) {
  const at::Tensor padded = at::constant_pad_nd(
      image, {0, 0, w.pad_left, w.pad_left + w.more_right, w.pad_top, w.pad_top + w.more_below},
      kPadding);
  return padded.unfold(1, w.height, w.stride_y)
      .unfold(2, w.width, w.stride_x)  // [N, OH, OW, C, KH, KW]
      .permute({0, 1, 2, 4, 5, 3})
      .flatten(0, 2)
      .flatten(1);
}

/// From exactly as many bytes as there are into exactly as many, so that the address sanitizer sees
/// what else is read; and nothing else is written.
void expect_right(const at::Tensor& image, const Window& window, int64_t first, int64_t count) {
  const Patches patches = patches_of(image, window);
  const std::vector<uint8_t> from(image.data_ptr<uint8_t>(),
                                  image.data_ptr<uint8_t>() + image.numel());
  const int64_t size = count * patches.row();
  std::vector<uint8_t> rows(static_cast<size_t>(size + 64), kUntouched);
  copy_patches(patches, from.data(), first, count, kPadding, rows.data());
  const at::Tensor result = at::from_blob(rows.data(), {count, patches.row()}, at::kByte);
  const at::Tensor expected = by_pytorch(image, window).narrow(0, first, count);
  EXPECT_TRUE(at::equal(result.narrow(1, 0, patches.numbers()), expected))
      << image.sizes() << " window " << window.height << "x" << window.width << " from " << first;
  EXPECT_TRUE(std::all_of(rows.begin() + size, rows.end(),
                          [](uint8_t byte) { return byte == kUntouched; }));
}

void expect_all_right(const at::Tensor& image, const Window& window) {
  const Patches patches = patches_of(image, window);
  const int64_t count = image.size(0) * patches.in_image();
  expect_right(image, window, 0, count);
  for (const int64_t first : {int64_t{1}, count / 3, count - 1}) {
    expect_right(image, window, first, count - first);
    expect_right(image, window, first, (count - first + 1) / 2);
  }
}

constexpr Window kWindows[] = {{7, 7, 2, 2, 3, 3},
                               {16, 16, 16, 16},
                               {3, 3, 1, 1, 1, 1},
                               {5, 3, 2, 1, 0, 2},
                               {1, 1},
                               {2, 4, 3, 2, 1, 0},
                               {3, 14, 1, 1},
                               {11, 11, 4, 4, 2, 2},
                               {4, 6, 1, 1, 1, 2, 1, 1},
                               {3, 5, 2, 3, 0, 1, 4, 7},
                               {5, 5, 1, 2, 4, 3, -2, -3}};

TEST(PatchRows, AreWhatPyTorchUnfolds) {
  for (const int64_t channels : {1, 2, 3}) {
    const at::Tensor image = images({2, 33, 38, channels});
    for (const Window& window : kWindows) expect_all_right(image, window);
  }
}

TEST(PatchRows, OfImagesThatAreHardlyLargerThanTheWindow) {
  expect_all_right(images({3, 7, 7, 3}), {7, 7, 2, 2, 3, 3});
  expect_all_right(images({2, 4, 5, 3}), {7, 7, 2, 2, 3, 3});
  expect_all_right(images({1, 16, 16, 3}), {16, 16, 16, 16});
  expect_all_right(images({2, 9, 1, 1}), {2, 1});
  expect_all_right(images({2, 1, 1, 1}), {3, 3, 1, 1, 1, 1});
}

TEST(PatchRows, AreFilledUpToFourBytes) {
  const at::Tensor image = images({1, 8, 8, 3});
  EXPECT_EQ(patches_of(image, {3, 3}).numbers(), 27);
  EXPECT_EQ(patches_of(image, {3, 3}).row(), 28);
  EXPECT_EQ(patches_of(image, {2, 2}).row(), 12);
}

}  // namespace
}  // namespace int8graph
