#include "executor/depthwise.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "executor/parallel.h"
#include "executor/profile.h"
#include "executor/vnni_vectors.h"
#include "onednn/onednn_loader.h"

namespace int8graph {

namespace {

constexpr int64_t kVectors = 4;  // of numbers that belong to one of bytes
constexpr int64_t kLeastChannels = 16;

/// Rows of the kernel that one instruction multiplies, those of a dword.
constexpr int64_t kRowsAtOnce = 4;
constexpr int64_t quads_of(int64_t kernel) {
  return (kernel + kRowsAtOnce - 1) / kRowsAtOnce;
}

/// Where the number of a channel is among those of a block, see VnniVectors.
int64_t place_of(int64_t channel, int64_t channels) {
  const int64_t of_16 = channel % 16;
  return of_16 / 4 * (channels / kVectors) + channel / 16 * 4 + of_16 % 4;
}

std::vector<DepthwiseLayer::Block> blocks_of(int64_t channels) {
  std::vector<DepthwiseLayer::Block> blocks;
  int64_t packed = 0;
  const auto add = [&](int64_t first, int64_t count) {
    blocks.push_back({first, count, packed});
    packed += count;
  };
  int64_t first = 0;
  for (const int64_t count : {64, 32, 16}) {
    for (; channels - first >= count; first += count) add(first, count);
  }
  if (first < channels) add(channels - kLeastChannels, kLeastChannels);
  return blocks;
}

int64_t packed_channels(const DepthwiseLayer& layer) {
  return layer.blocks.back().packed + layer.blocks.back().channels;
}

/// @param numbers f32 [C]
at::Tensor pack_numbers(const DepthwiseLayer& layer, const at::Tensor& numbers) {
  at::Tensor packed = at::empty({packed_channels(layer)}, at::kFloat);
  for (const auto& [first, channels, offset] : layer.blocks) {
    for (int64_t c = 0; c < channels; ++c) {
      packed.data_ptr<float>()[offset + place_of(c, channels)] =
          numbers.const_data_ptr<float>()[first + c];
    }
  }
  return packed;
}

/// Each block's weights: [columns of the kernel][quads of its rows][numbers of the block][rows].
/// @param weight s8 [C, 1, K, K], contiguous
at::Tensor pack_weights(const DepthwiseLayer& layer, const at::Tensor& weight) {
  const int64_t size = layer.kernel, quads = quads_of(size);
  at::Tensor packed = at::zeros({packed_channels(layer), size * quads * kRowsAtOnce}, at::kChar);
  const auto* const from = weight.const_data_ptr<int8_t>();
  for (const auto& [first, channels, offset] : layer.blocks) {
    auto* const to = packed.data_ptr<int8_t>() + offset * packed.size(1);
    for (int64_t c = 0; c < channels; ++c) {
      const int64_t place = place_of(c, channels);
      for (int64_t y = 0; y < size; ++y) {
        for (int64_t x = 0; x < size; ++x) {
          const int64_t quad = x * quads + y / kRowsAtOnce;
          to[(quad * channels + place) * kRowsAtOnce + y % kRowsAtOnce] =
              from[((first + c) * size + y) * size + x];
        }
      }
    }
  }
  return packed;
}

/// Rows of a result, from one to another, and the image that they are made of.
struct Rows {
  const uint8_t* source;  ///< [height, width, C]
  int64_t height, width;
  uint8_t* result;  ///< [..., result_width, C], the first row's
  int64_t first, last, result_width;
  int64_t channels;
};

/// One pixel of each row of the source that a row of the result reads, four rows in each dword.
template <int64_t kChannels, int64_t kKernel>
struct Column {
  using Vectors = VnniVectors<kChannels>;
  using Bytes = typename Vectors::Bytes;
  static constexpr int64_t kQuads = quads_of(kKernel);

  /// @param pixels where each row's is
  INT8GRAPH_INLINE_FOR_VNNI void read(const uint8_t* const* pixels, int64_t channel,
                                      const Bytes& flip) {
    for (int64_t q = 0; q < kQuads; ++q) {
      Bytes rows[kRowsAtOnce] = {};
      for (int64_t r = 0; r < std::min(kRowsAtOnce, kKernel - q * kRowsAtOnce); ++r) {
        std::memcpy(&rows[r], pixels[q * kRowsAtOnce + r] + channel, sizeof(Bytes));
        rows[r] ^= flip;
      }
      const Bytes low[2] = {Vectors::low_bytes(rows[0], rows[1]),
                            Vectors::low_bytes(rows[2], rows[3])};
      const Bytes high[2] = {Vectors::high_bytes(rows[0], rows[1]),
                             Vectors::high_bytes(rows[2], rows[3])};
      quads[q][0] = Vectors::low_pairs(low[0], low[1]);
      quads[q][1] = Vectors::high_pairs(low[0], low[1]);
      quads[q][2] = Vectors::low_pairs(high[0], high[1]);
      quads[q][3] = Vectors::high_pairs(high[0], high[1]);
    }
  }

  Bytes quads[kQuads][kVectors];
};

/// Writes a pixel's channels, in their own order.
template <int64_t kChannels>
INT8GRAPH_INLINE_FOR_VNNI void write_floats(const typename VnniVectors<kChannels>::Floats* numbers,
                                            const Epilogue& epilogue, uint8_t* result) {
  using Vectors = VnniVectors<kChannels>;
  constexpr int64_t kOfNeighbours = 4;
  float floats[kVectors][kChannels / kVectors];
  for (int64_t v = 0; v < kVectors; ++v) {
    const typename Vectors::Floats kept =
        Vectors::larger(Vectors::fill(epilogue.result.least), numbers[v]);
    std::memcpy(floats[v], &kept, sizeof kept);
  }
  for (int64_t c = 0; c < kChannels; c += kOfNeighbours) {
    std::memcpy(result + c * sizeof(float), &floats[c % 16 / kOfNeighbours][c / 16 * kOfNeighbours],
                kOfNeighbours * sizeof(float));
  }
}

/// Rounds them, too.
template <int64_t kChannels>
INT8GRAPH_INLINE_FOR_VNNI void write_steps(const typename VnniVectors<kChannels>::Floats* numbers,
                                           const Epilogue& epilogue, uint8_t* result) {
  using Vectors = VnniVectors<kChannels>;
  typename Vectors::Bytes integers[kVectors];
  for (int64_t v = 0; v < kVectors; ++v) integers[v] = Vectors::to_integers(numbers[v]);
  const typename Vectors::Bytes least = Vectors::fill(static_cast<uint8_t>(epilogue.result.least));
  const typename Vectors::Bytes bytes =
      Vectors::larger(Vectors::to_u8(integers), least) ^ Vectors::fill(epilogue.result.flip);
  std::memcpy(result, &bytes, sizeof bytes);
}

/// A block of channels of some rows. Columns of the source are read one after the other, and each
/// is added to all sums that it belongs to.
template <int64_t kChannels, int64_t kKernel, int64_t kStride>
INT8GRAPH_FOR_VNNI INT8GRAPH_UNROLLED void compute_rows(const DepthwiseLayer& layer,
                                                        const DepthwiseLayer::Block& block,
                                                        const Rows& rows) {
  using Vectors = VnniVectors<kChannels>;
  using Bytes = typename Vectors::Bytes;
  using Floats = typename Vectors::Floats;
  using OneColumn = Column<kChannels, kKernel>;
  constexpr int64_t kQuads = OneColumn::kQuads;
  constexpr int64_t kOpen = (kKernel + kStride - 1) / kStride;  // sums that a column belongs to

  Bytes weights[kKernel][kQuads][kVectors];
  std::memcpy(weights,
              layer.weights.const_data_ptr<int8_t>() + block.packed * layer.weights.size(1),
              sizeof weights);
  Floats scales[kVectors], biases[kVectors];
  std::memcpy(scales, layer.epilogue.scales.const_data_ptr<float>() + block.packed, sizeof scales);
  std::memcpy(biases, layer.epilogue.biases.const_data_ptr<float>() + block.packed, sizeof biases);
  const Floats most = Vectors::fill(layer.epilogue.result.most);
  const Bytes flip = Vectors::fill(layer.epilogue.source_flip);

  const auto* const padding = static_cast<const uint8_t*>(layer.padding.const_data_ptr());
  const uint8_t* pixels[kKernel];  // one of each row of the source
  int64_t steps[kKernel];          // bytes to the next one; 0 in the padding
  std::fill_n(pixels, kKernel, padding);
  OneColumn outside;
  outside.read(pixels, block.first, flip);

  const int64_t channels = rows.channels, width = rows.width, left = layer.pad_left;
  const int64_t pixel_bytes = channels * layer.epilogue.result.bytes();
  uint8_t* result = rows.result + block.first * layer.epilogue.result.bytes();
  for (int64_t y = rows.first; y < rows.last; ++y) {
    for (int64_t k = 0; k < kKernel; ++k) {
      const int64_t line = y * kStride - layer.pad_top + k;
      const bool is_inside = line >= 0 && line < rows.height;
      pixels[k] = is_inside ? rows.source + line * width * channels : padding;
      steps[k] = is_inside ? channels : 0;
    }
    Bytes sums[kOpen][kVectors] = {};  // of the results at x, x - 1, ...
    for (int64_t x = 0; x < rows.result_width + kOpen - 1; ++x) {
      for (int64_t phase = 0; phase < kStride; ++phase) {
        const int64_t place = x * kStride + phase - left;
        OneColumn column = outside;
        if (place >= 0 && place < width) {
          column.read(pixels, block.first, flip);
          for (int64_t k = 0; k < kKernel; ++k) pixels[k] += steps[k];
        }
        for (int64_t open = 0; open < kOpen; ++open) {
          const int64_t k = phase + open * kStride;
          if (k >= kKernel) continue;
          for (int64_t q = 0; q < kQuads; ++q) {
            for (int64_t v = 0; v < kVectors; ++v) {
              sums[open][v] =
                  Vectors::add_products(sums[open][v], column.quads[q][v], weights[k][q][v]);
            }
          }
        }
      }
      if (x >= kOpen - 1) {
        Floats numbers[kVectors];
        for (int64_t v = 0; v < kVectors; ++v) {
          numbers[v] =
              Vectors::multiply_add(Vectors::to_floats(sums[kOpen - 1][v]), scales[v], biases[v]);
          numbers[v] = Vectors::smaller(most, numbers[v]);  // keeps NaN
        }
        if (layer.epilogue.result.writes_floats) {
          write_floats<kChannels>(numbers, layer.epilogue, result);
        } else {
          write_steps<kChannels>(numbers, layer.epilogue, result);
        }
        result += pixel_bytes;
      }
      for (int64_t open = kOpen - 1; open > 0; --open) {
        for (int64_t v = 0; v < kVectors; ++v) sums[open][v] = sums[open - 1][v];
      }
      for (int64_t v = 0; v < kVectors; ++v) sums[0][v] = Bytes{};
    }
  }
}

using ComputeRows = void (*)(const DepthwiseLayer&, const DepthwiseLayer::Block&, const Rows&);

/// Those for blocks of 16, 32 and 64 channels.
using OfBlocks = std::array<ComputeRows, 3>;

template <int64_t kKernel, int64_t kStride>
constexpr OfBlocks kOfBlocks = {compute_rows<16, kKernel, kStride>,
                                compute_rows<32, kKernel, kStride>,
                                compute_rows<64, kKernel, kStride>};

const OfBlocks& of_blocks(const DepthwiseLayer& layer) {
  const bool by_two = layer.stride == 2;
  switch (layer.kernel) {
    case 3:
      return by_two ? kOfBlocks<3, 2> : kOfBlocks<3, 1>;
    case 5:
      return by_two ? kOfBlocks<5, 2> : kOfBlocks<5, 1>;
    default:
      return by_two ? kOfBlocks<7, 2> : kOfBlocks<7, 1>;
  }
}

void compute(const DepthwiseLayer& layer, const Rows& rows) {
  const OfBlocks& compute_rows = of_blocks(layer);
  for (const DepthwiseLayer::Block& block : layer.blocks) {
    compute_rows[block.channels / 32](layer, block, rows);
  }
}

}  // namespace

DepthwiseLayer::DepthwiseLayer(const ConvPlan& plan)
    : kernel(plan.layer.weight.size(2)),
      stride(plan.strides[0]),
      pad_top(plan.pads_begin[0]),
      pad_left(plan.pads_begin[1]),
      blocks(blocks_of(plan.output_channels())),
      padding(
          at::full({plan.output_channels()}, plan.source.parameters.zero_point & 0xFF, at::kByte)),
      weights(pack_weights(*this, plan.layer.weight.int_repr().contiguous())),
      epilogue(plan) {
  epilogue.scales = pack_numbers(*this, epilogue.scales);
  epilogue.biases = pack_numbers(*this, epilogue.biases);
}

bool can_be_depthwise(const ConvPlan& plan) {
  if (!load_onednn().cpu.has_avx512_vnni() || plan.is_transposed() ||
      plan.spatial_dimensions() != 2) {
    return false;
  }
  const c10::IntArrayRef weight = plan.layer.weight.sizes();
  const int64_t kernel = weight[2], stride = plan.strides[0];
  const bool is_square = weight[3] == kernel && plan.strides[1] == stride;
  const bool has_known_size = (kernel == 3 || kernel == 5 || kernel == 7) && stride <= 2;
  const bool is_depthwise = plan.groups == plan.input_channels() &&
                            plan.groups == plan.output_channels() && plan.groups >= kLeastChannels;
  return is_square && has_known_size && is_depthwise && are_all(1, plan.dilations) &&
         can_be_epilogue(plan) && !plan.summand();
}

void depthwise(const DepthwiseLayer& layer, const at::Tensor& source, const at::Tensor& result) {
  const KernelTimer timer;
  const int64_t channels = source.size(1), height = source.size(2), width = source.size(3);
  const int64_t image = height * width * channels;
  const int64_t in_image = result.size(2), result_line = result.size(3) * channels;
  const int64_t result_bytes = result_line * layer.epilogue.result.bytes();
  const auto* const from = static_cast<const uint8_t*>(source.const_data_ptr());
  auto* const to = static_cast<uint8_t*>(result.data_ptr());
  const int64_t products = result_line * layer.kernel * layer.kernel;
  parallel_for(result.size(0) * in_image, cost_of_products(products, /*at_once=*/36),
               [&](int64_t begin, int64_t end) {
                 for (int64_t row = begin; row < end;) {
                   const int64_t first = row % in_image;
                   const int64_t last = std::min(in_image, first + end - row);
                   compute(layer, {from + row / in_image * image, height, width,
                                   to + row * result_bytes, first, last, result.size(3), channels});
                   row += last - first;
                 }
               });
}

}  // namespace int8graph
