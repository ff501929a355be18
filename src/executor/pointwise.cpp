#include "executor/pointwise.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <utility>

#include "executor/parallel.h"
#include "executor/profile.h"
#include "executor/vnni_vectors.h"
#include "onednn/onednn_loader.h"

namespace int8graph {

using dnnl::memory;

namespace {

constexpr int64_t kLanes = 16;   // numbers in a vector
constexpr int64_t kVectors = 4;  // of a block's columns
constexpr int64_t kColumns = kLanes * kVectors;

/// How many rows are multiplied at once, whose sums fill 24 of 32 registers at the most.
/// @param vectors of columns
constexpr int64_t most_rows(int64_t vectors) {
  return std::min<int64_t>(12, 24 / vectors);
}

/// What oneDNN's matmuls read for VNNI: four rows of the weight in each number, 64 columns, and the
/// rows filled up to a multiple of 64.
constexpr auto kLayout = memory::format_tag::BA16a64b4a;

/// Bytes of a block of columns.
int64_t block_bytes(int64_t inputs) {
  constexpr int64_t kMultiple = 64;
  return (inputs + kMultiple - 1) / kMultiple * kMultiple * kColumns;
}

/// The weight as it lies, seen as [K, N].
memory::desc plain_weight(const at::Tensor& weight) {
  return {{weight.size(1), weight.size(0)},
          memory::data_type::s8,
          memory::dims{weight.stride(1), weight.stride(0)}};
}

at::Tensor filled_up(const at::Tensor& numbers) {
  const int64_t size = (numbers.numel() + kColumns - 1) / kColumns * kColumns;
  return at::constant_pad_nd(numbers, {0, size - numbers.numel()});
}

/// Some rows and a block of columns.
struct Tile {
  const uint8_t* source;  ///< [rows, inputs]
  int64_t inputs;
  const int8_t* weight;  ///< [inputs / 4][64][4]
  const float* scales;   ///< [64], as the biases
  const float* biases;
  uint8_t* result;     ///< [rows, outputs], the block's first column
  int64_t result_row;  ///< bytes from one row to the next
  int64_t columns;     ///< up to 64
};

using Bytes64 = VnniVectors<kColumns>;

/// From the order of columns to that of packed numbers (see VnniVectors), and back.
INT8GRAPH_INLINE_FOR_VNNI __m512i reordered(const __m512i& bytes) {
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  return _mm512_maskz_permutexvar_epi32(kAll, order, bytes);
}

/// Which columns of a tile there are.
INT8GRAPH_INLINE_FOR_VNNI __mmask64 mask_of(const Tile& tile) {
  return static_cast<__mmask64>(~uint64_t{0} >> (kColumns - tile.columns));
}

template <int64_t kTileVectors>
INT8GRAPH_INLINE_FOR_VNNI void write_floats(const __m512* numbers, const Tile& tile,
                                            const Epilogue& epilogue, uint8_t* result) {
#pragma GCC unroll 4
  for (int64_t v = 0; v < kTileVectors; ++v) {
    const auto lanes = static_cast<__mmask16>(mask_of(tile) >> (v * kLanes));
    _mm512_mask_storeu_ps(result + v * sizeof(__m512), lanes,
                          Bytes64::larger(Bytes64::fill(epilogue.least), numbers[v]));
  }
}

/// Rounds them, too.
template <int64_t kTileVectors>
INT8GRAPH_INLINE_FOR_VNNI void write_steps(const __m512* numbers, const Tile& tile,
                                           const Epilogue& epilogue, uint8_t* result) {
  __m512i integers[kVectors] = {};
#pragma GCC unroll 4
  for (int64_t v = 0; v < kTileVectors; ++v) integers[v] = Bytes64::to_integers(numbers[v]);
  const __m512i least = Bytes64::fill(static_cast<uint8_t>(epilogue.least));
  const __m512i bytes = reordered(Bytes64::larger(Bytes64::to_u8(integers), least)) ^
                        Bytes64::fill(epilogue.result_flip);
  if (tile.columns == kTileVectors * kLanes) {
    std::memcpy(result, &bytes, kTileVectors * kLanes);
  } else {
    _mm512_mask_storeu_epi8(result, mask_of(tile), bytes);
  }
}

/// Makes a row of the result from its sums.
/// @param summands bytes of the columns, as they lie
template <int64_t kTileVectors>
INT8GRAPH_INLINE_FOR_VNNI void write_row(const __m512i* sums, const __m512i& summands,
                                         const Tile& tile, const Epilogue& epilogue,
                                         uint8_t* result) {
  __m512i addends[kVectors];
  if (epilogue.summand_scale != 0) {
    const __m512i zero = {};
    const __m512i bytes = reordered(summands ^ Bytes64::fill(epilogue.summand_flip));
    const __m512i low = Bytes64::low_bytes(bytes, zero), high = Bytes64::high_bytes(bytes, zero);
    addends[0] = Bytes64::low_pairs(low, zero);
    addends[1] = Bytes64::high_pairs(low, zero);
    addends[2] = Bytes64::low_pairs(high, zero);
    addends[3] = Bytes64::high_pairs(high, zero);
  }
  __m512 numbers[kVectors] = {};
#pragma GCC unroll 4
  for (int64_t v = 0; v < kTileVectors; ++v) {
    numbers[v] = Bytes64::multiply_add(Bytes64::to_floats(sums[v]),
                                       _mm512_loadu_ps(tile.scales + v * kLanes),
                                       _mm512_loadu_ps(tile.biases + v * kLanes));
    if (epilogue.summand_scale != 0) {
      numbers[v] = Bytes64::multiply_add(Bytes64::to_floats(addends[v]),
                                         Bytes64::fill(epilogue.summand_scale), numbers[v]);
    }
    numbers[v] = Bytes64::smaller(Bytes64::fill(epilogue.most), numbers[v]);  // keeps NaN
  }
  if (epilogue.writes_floats) {
    write_floats<kTileVectors>(numbers, tile, epilogue, result);
  } else {
    write_steps<kTileVectors>(numbers, tile, epilogue, result);
  }
}

/// All summands are read before the first row is written: what CPUs take for the same bytes, as
/// masked ones are not written, would have to wait for that.
template <int64_t kTileVectors, size_t... kRow>
INT8GRAPH_INLINE_FOR_VNNI void write_rows(const __m512i* sums, const Tile& tile,
                                          const Epilogue& epilogue, std::index_sequence<kRow...>) {
  __m512i summands[sizeof...(kRow)] = {};
  if (epilogue.summand_scale != 0) {
    ((summands[kRow] =
          _mm512_maskz_loadu_epi8(mask_of(tile), tile.result + kRow * tile.result_row)),
     ...);
  }
  (write_row<kTileVectors>(sums + kRow * kTileVectors, summands[kRow], tile, epilogue,
                           tile.result + kRow * tile.result_row),
   ...);
}

/// @tparam kFlips whether the source is signed
template <bool kFlips, int64_t kRows, int64_t kTileVectors>
INT8GRAPH_INLINE_FOR_VNNI void add_products(const Tile& tile, __m512i* sums) {
  const __m512i flip = Bytes64::fill(uint8_t{0x80});
  const int8_t* weight = tile.weight;
  for (int64_t k = 0; k < tile.inputs; k += 4, weight += 4 * kColumns) {
    __m512i columns[kTileVectors];
#pragma GCC unroll 4
    for (int64_t v = 0; v < kTileVectors; ++v) {
      columns[v] = _mm512_loadu_si512(weight + v * 4 * kLanes);
    }
    __m512i row = {};
#pragma GCC unroll 24
    for (int64_t i = 0; i < kRows * kTileVectors; ++i) {
      if (i % kTileVectors == 0) {
        int32_t four;
        std::memcpy(&four, tile.source + i / kTileVectors * tile.inputs + k, sizeof four);
        row = _mm512_set1_epi32(four);
        if (kFlips) row ^= flip;
      }
      // Not by an intrinsic, for which GCC 12 copies and stores each sum: half as fast.
      asm("vpdpbusd %2, %1, %0" : "+v"(sums[i]) : "v"(row), "v"(columns[i % kTileVectors]));
    }
  }
}

/// @tparam kTileVectors of columns, the last of which may be filled up
template <int64_t kRows, int64_t kTileVectors>
INT8GRAPH_FOR_VNNI INT8GRAPH_UNROLLED void multiply(const Tile& tile, const Epilogue& epilogue) {
  __m512i sums[kRows * kTileVectors];
#pragma GCC unroll 24
  for (__m512i& sum : sums) sum = _mm512_setzero_si512();
  if (epilogue.source_flip != 0) {
    add_products<true, kRows, kTileVectors>(tile, sums);
  } else {
    add_products<false, kRows, kTileVectors>(tile, sums);
  }
  write_rows<kTileVectors>(sums, tile, epilogue, std::make_index_sequence<kRows>());
}

using Multiply = void (*)(const Tile&, const Epilogue&);

/// Those for one row and more.
template <int64_t kTileVectors, size_t... kRow>
constexpr auto of_rows(std::index_sequence<kRow...>) {
  return std::array<Multiply, sizeof...(kRow)>{multiply<kRow + 1, kTileVectors>...};
}

template <int64_t kTileVectors>
constexpr auto kOfRows = of_rows<kTileVectors>(std::make_index_sequence<most_rows(kTileVectors)>());

constexpr std::array<std::span<const Multiply>, kVectors> kOfVectors = {kOfRows<1>, kOfRows<2>,
                                                                        kOfRows<3>, kOfRows<4>};

/// Many rows and a block of columns. Tiles have as many rows as each other, or one less.
void multiply_rows(Tile tile, int64_t rows, const Epilogue& epilogue) {
  const std::span<const Multiply> of_rows = kOfVectors[(tile.columns - 1) / kLanes];
  const auto most = static_cast<int64_t>(of_rows.size());
  const int64_t tiles = (rows + most - 1) / most;
  const uint8_t* const source = tile.source;
  uint8_t* const result = tile.result;
  for (int64_t t = 0; t < tiles; ++t) {
    const int64_t first = t * rows / tiles, last = (t + 1) * rows / tiles;
    tile.source = source + first * tile.inputs;
    tile.result = result + first * tile.result_row;
    of_rows[last - first - 1](tile, epilogue);
  }
}

int64_t blocks_of(const PointwiseLayer& layer) {
  return (layer.outputs + kColumns - 1) / kColumns;
}

/// Some rows and a block of columns.
/// @param source, result the first of these rows
void multiply_block(const PointwiseLayer& layer, const uint8_t* source, int64_t rows, int64_t block,
                    uint8_t* result) {
  const int64_t column = block * kColumns;
  const auto* const weight = static_cast<const int8_t*>(layer.weight.packed().get_data_handle());
  const Tile tile{source,
                  layer.inputs,
                  weight + block * block_bytes(layer.inputs),
                  layer.epilogue.scales.const_data_ptr<float>() + column,
                  layer.epilogue.biases.const_data_ptr<float>() + column,
                  result + column * layer.epilogue.result_bytes(),
                  layer.outputs * layer.epilogue.result_bytes(),
                  std::min(kColumns, layer.outputs - column)};
  multiply_rows(tile, rows, layer.epilogue);
}

}  // namespace

PointwiseLayer::PointwiseLayer(const ConvPlan& plan)
    : inputs(plan.input_channels()),
      outputs(plan.output_channels()),
      weight(plan.layer.weight, plain_weight(plan.layer.weight),
             memory::desc({inputs, outputs}, memory::data_type::s8, kLayout)),
      epilogue(plan) {
  epilogue.scales = filled_up(epilogue.scales);
  epilogue.biases = filled_up(epilogue.biases);
}

bool can_be_pointwise(const ConvPlan& plan) {
  const CpuFeatures& cpu = load_onednn().cpu;
  return cpu.has_avx512_vnni() && !cpu.amx && !plan.is_transposed() && plan.groups == 1 &&
         plan.input_channels() % 4 == 0 && are_all(1, plan.layer.weight.sizes().slice(2)) &&
         are_all(1, plan.strides) && are_all(0, plan.pads_begin) && are_all(0, plan.pads_end) &&
         can_be_epilogue(plan);
}

int64_t pixels_at_once(const PointwiseLayer& layer) {
  constexpr int64_t kInL1 = 24 << 10, kInL2 = 192 << 10;  // bytes
  constexpr int64_t kMultiple = 24;  // of all numbers of rows that are multiplied at once
  const bool is_small = layer.inputs * layer.outputs <= kInL1;
  const int64_t pixel = layer.inputs + layer.outputs * layer.epilogue.result_bytes();
  return std::max<int64_t>(1, (is_small ? kInL1 : kInL2) / pixel / kMultiple) * kMultiple;
}

void pointwise(const PointwiseLayer& layer, const at::Tensor& source, const at::Tensor& result) {
  const KernelTimer timer;
  const int64_t rows = source.numel() / layer.inputs;
  const int64_t at_once = pixels_at_once(layer), blocks = blocks_of(layer);
  const int64_t parts = (rows + at_once - 1) / at_once;
  const auto* const from = static_cast<const uint8_t*>(source.const_data_ptr());
  auto* const to = static_cast<uint8_t*>(result.data_ptr());
  const int64_t cost =
      cost_of_products(std::min(rows, at_once) * layer.inputs * std::min(kColumns, layer.outputs));
  parallel_for(parts * blocks, cost, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = i / blocks * at_once;
      multiply_block(layer, from + first * layer.inputs, std::min(at_once, rows - first),
                     i % blocks, to + first * layer.outputs * layer.epilogue.result_bytes());
    }
  });
}

void pointwise_rows(const PointwiseLayer& layer, const uint8_t* source, int64_t pixels,
                    void* result) {
  for (int64_t block = 0; block < blocks_of(layer); ++block) {
    multiply_block(layer, source, pixels, block, static_cast<uint8_t*>(result));
  }
}

}  // namespace int8graph
