#pragma once

#include <cstdint>

namespace int8graph {

/// The patches of an image that a convolution reads, one for each pixel of its result.
///
///     image [N, H, W, C]      row of pixel (y, x)    KH pieces of KW * C bytes, side by side:
///                                                    rows y * SH - PH + 0 ... KH - 1 of the image
///                                                    from pixel x * SW - PW on
struct Patches {
  int64_t channels;
  int64_t height, width;                ///< of the image
  int64_t result_height, result_width;  ///< how many patches it has
  int64_t kernel_height, kernel_width;
  int64_t stride_y, stride_x;
  int64_t pad_top, pad_left;

  int64_t piece() const { return kernel_width * channels; }          ///< bytes
  int64_t numbers() const { return kernel_height * piece(); }        ///< bytes of a patch
  int64_t row() const { return filled_up(numbers()); }               ///< bytes from row to row
  int64_t in_image() const { return result_height * result_width; }  ///< rows

  /// Rows are read four bytes at a time.
  static int64_t filled_up(int64_t numbers) { return (numbers + 3) / 4 * 4; }
};

/// Copies patches into rows, and writes nothing behind them. What fills a row up to a multiple of
/// four is not defined.
/// @param images int8 [N, H, W, C], dense
/// @param first, count of the patches of all images, counted row by row
/// @param padding what lies around an image
/// @param rows [count, patches.row()]
void copy_patches(const Patches& patches, const uint8_t* images, int64_t first, int64_t count,
                  uint8_t padding, uint8_t* rows);

}  // namespace int8graph
