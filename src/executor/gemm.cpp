#include "executor/gemm.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <utility>

#include "executor/column_block.h"
#include "executor/parallel.h"
#include "executor/profile.h"
#include "executor/vnni_vectors.h"
#include "onednn/onednn_loader.h"

namespace int8graph {

using dnnl::memory;

namespace {

using Vectors = ColumnBlock::Vectors;
constexpr int64_t kLanes = ColumnBlock::kLanes;
constexpr int64_t kVectors = ColumnBlock::kVectors;
constexpr int64_t kColumns = ColumnBlock::kColumns;

constexpr int64_t kMostRows = 12;  // that are multiplied at once

/// How many are, whose sums fill 24 of 32 registers at the most.
/// @param vectors of columns
constexpr int64_t most_rows(int64_t vectors) {
  return std::min(kMostRows, 24 / vectors);
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
memory::desc plain_weight(const at::Tensor& weight, int64_t channel_axis) {
  const int64_t inner_axis = 1 - channel_axis;
  return {{weight.size(inner_axis), weight.size(channel_axis)},
          memory::data_type::s8,
          memory::dims{weight.stride(inner_axis), weight.stride(channel_axis)}};
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

/// Makes a row of the result from its sums.
/// @param summands bytes of the columns, as they lie
template <int64_t kTileVectors>
INT8GRAPH_INLINE_FOR_VNNI void write_row(const __m512i* sums, const __m512i& summands,
                                         const Tile& tile, const Epilogue& epilogue,
                                         uint8_t* result) {
  __m512i addends[kVectors];
  if (epilogue.summand_scale != 0) {
    const __m512i zero = {};
    const __m512i bytes = ColumnBlock::reordered(summands ^ Vectors::fill(epilogue.summand_flip));
    const __m512i low = Vectors::low_bytes(bytes, zero), high = Vectors::high_bytes(bytes, zero);
    addends[0] = Vectors::low_pairs(low, zero);
    addends[1] = Vectors::high_pairs(low, zero);
    addends[2] = Vectors::low_pairs(high, zero);
    addends[3] = Vectors::high_pairs(high, zero);
  }
  __m512 numbers[kVectors] = {};
#pragma GCC unroll 4
  for (int64_t v = 0; v < kTileVectors; ++v) {
    numbers[v] = Vectors::multiply_add(Vectors::to_floats(sums[v]),
                                       _mm512_loadu_ps(tile.scales + v * kLanes),
                                       _mm512_loadu_ps(tile.biases + v * kLanes));
    if (epilogue.summand_scale != 0) {
      numbers[v] = Vectors::multiply_add(Vectors::to_floats(addends[v]),
                                         Vectors::fill(epilogue.summand_scale), numbers[v]);
    }
  }
  ColumnBlock::write<kTileVectors>(numbers, tile.columns, epilogue.result, result);
}

/// All summands are read before the first row is written: what CPUs take for the same bytes, as
/// masked ones are not written, would have to wait for that.
template <int64_t kTileVectors, size_t... kRow>
INT8GRAPH_INLINE_FOR_VNNI void write_rows(const __m512i* sums, const Tile& tile,
                                          const Epilogue& epilogue, std::index_sequence<kRow...>) {
  __m512i summands[sizeof...(kRow)] = {};
  if (epilogue.summand_scale != 0) {
    const __mmask64 columns = ColumnBlock::mask(tile.columns);
    ((summands[kRow] = _mm512_maskz_loadu_epi8(columns, tile.result + kRow * tile.result_row)),
     ...);
  }
  (write_row<kTileVectors>(sums + kRow * kTileVectors, summands[kRow], tile, epilogue,
                           tile.result + kRow * tile.result_row),
   ...);
}

/// @tparam kFlips whether the source is signed
template <bool kFlips, int64_t kRows, int64_t kTileVectors>
INT8GRAPH_INLINE_FOR_VNNI void add_products(const Tile& tile, __m512i* sums) {
  const __m512i flip = Vectors::fill(uint8_t{0x80});
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

/// Has the summand's numbers read into the cache while products are added.
void prefetch(const TailRows& rows) {
  constexpr int64_t kLine = 64 / sizeof(float);
  for (int64_t row = 0; row < rows.rows; ++row) {
    for (int64_t column = 0; column < rows.columns; column += kLine) {
      __builtin_prefetch(rows.summand + row * rows.summand_row + column);
    }
  }
}

/// What is done to a tile of a block of columns, given its first row and their number.
template <typename Body>
void for_each_tile(int64_t rows, int64_t most, const Body& body) {
  const int64_t tiles = (rows + most - 1) / most;  // of as many rows as each other, or one less
  for (int64_t t = 0; t < tiles; ++t) {
    const int64_t first = t * rows / tiles, last = (t + 1) * rows / tiles;
    body(first, last - first);
  }
}

int64_t blocks_of(const Gemm& layer) {
  return (layer.outputs + kColumns - 1) / kColumns;
}

/// Where a part of the rows begins. Parts have as many tiles as each other, or one less: a last one
/// of a few rows would read all of the weight for these.
int64_t begin_of(int64_t part, int64_t parts, int64_t rows) {
  constexpr int64_t kTile = most_rows(kVectors);
  const int64_t tiles = (rows + kTile - 1) / kTile;
  return std::min(rows, part * tiles / parts * kTile);
}

/// Some rows, from `first` on, and a block of columns.
void multiply_block(const Gemm& layer, const GemmRows& rows, int64_t first, int64_t count,
                    int64_t block) {
  const int64_t column = block * kColumns, columns = std::min(kColumns, layer.outputs - column);
  const std::span<const Multiply> of_rows = kOfVectors[(columns - 1) / kLanes];
  const auto* const weight = static_cast<const int8_t*>(layer.weight.packed().get_data_handle());
  const auto* const source = static_cast<const uint8_t*>(rows.source);
  const int64_t result_row = layer.outputs * layer.result_bytes();
  uint8_t* const result = static_cast<uint8_t*>(rows.result) + column * layer.result_bytes();
  Tile tile{source,
            layer.inputs,
            weight + block * block_bytes(layer.inputs),
            layer.epilogue.scales.const_data_ptr<float>() + column,
            layer.epilogue.biases.const_data_ptr<float>() + column,
            result,
            result_row,
            columns};
  alignas(64) float numbers[kMostRows * TailRows::kStride];  // before the tail
  for_each_tile(count, static_cast<int64_t>(of_rows.size()), [&](int64_t from, int64_t height) {
    const int64_t row = first + from;
    tile.source = source + row * layer.inputs;
    tile.result = result + row * result_row;
    if (!layer.tail) return of_rows[height - 1](tile, layer.epilogue);
    const TailRows done{
        numbers,       rows.summand ? rows.summand + row * layer.outputs + column : nullptr,
        layer.outputs, tile.result,
        result_row,    height,
        columns};
    tile.result = reinterpret_cast<uint8_t*>(numbers);
    tile.result_row = TailRows::kStride * sizeof(float);
    if (done.summand != nullptr) prefetch(done);
    of_rows[height - 1](tile, layer.epilogue);
    finish(*layer.tail, done);
  });
}

std::optional<Tail> tail_of(const LayerPlan& plan) {
  return can_be_epilogue(plan) ? std::nullopt : std::optional<Tail>(plan);
}

}  // namespace

Gemm::Gemm(const LayerPlan& plan, int64_t channel_axis)
    : inputs(plan.layer.weight.size(1 - channel_axis)),
      outputs(plan.layer.weight.size(channel_axis)),
      weight(plan.layer.weight, plain_weight(plan.layer.weight, channel_axis),
             memory::desc({inputs, outputs}, memory::data_type::s8, kLayout)),
      tail(tail_of(plan)),
      epilogue(tail ? before_tail(plan) : plan, channel_axis) {
  epilogue.scales = filled_up(epilogue.scales);
  epilogue.biases = filled_up(epilogue.biases);
}

bool can_be_gemm(const LayerPlan& plan, int64_t channel_axis) {
  const CpuFeatures& cpu = load_onednn().cpu;
  const int64_t inputs = plan.layer.weight.size(1 - channel_axis);
  return cpu.has_avx512_vnni() && !cpu.amx && inputs > 0 && inputs % 4 == 0 &&
         (can_be_epilogue(plan) || can_be_tail(plan));
}

int64_t rows_at_once(const Gemm& layer) {
  constexpr int64_t kInL1 = 24 << 10, kInL2 = 256 << 10;  // bytes
  constexpr int64_t kMultiple = 24;  // of all numbers of rows that are multiplied at once
  const bool is_small = layer.inputs * layer.outputs <= kInL1;
  const int64_t row = layer.inputs + layer.outputs * layer.result_bytes();
  return std::max<int64_t>(1, (is_small ? kInL1 : kInL2) / row / kMultiple) * kMultiple;
}

void gemm(const Gemm& layer, const GemmRows& rows) {
  if (rows.count == 0) return;
  const KernelTimer timer;
  const int64_t blocks = blocks_of(layer), at_once = rows_at_once(layer);
  const int64_t parts = (rows.count + at_once - 1) / at_once;
  const int64_t cost = cost_of_products(std::min(rows.count, at_once) * layer.inputs *
                                        std::min(kColumns, layer.outputs));
  parallel_for(parts * blocks, cost, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = begin_of(i / blocks, parts, rows.count);
      const int64_t last = begin_of(i / blocks + 1, parts, rows.count);
      multiply_block(layer, rows, first, last - first, i % blocks);
    }
  });
}

void gemm_on_this_thread(const Gemm& layer, const GemmRows& rows) {
  for (int64_t block = 0; block < blocks_of(layer); ++block) {
    multiply_block(layer, rows, 0, rows.count, block);
  }
}

}  // namespace int8graph
