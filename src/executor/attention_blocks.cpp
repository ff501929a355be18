#include "executor/attention_blocks.h"

#include <algorithm>

namespace int8graph {

namespace {

constexpr int64_t kBytesOfScore = sizeof(float) + 1;  // with its probability in int8

// So much the L3 cache has for each core, and copying costs what reading from L2 saves: 12 heads of
// 197 tokens, 2.3 MB, take as long in one block as in six, and of 384, 8.6 MB, 1.2 times as long.
constexpr int64_t kAllAtOnce = 4 << 20;  // bytes

// What of larger ones is computed at once: it stays in the L2 cache, of 1 MB and more where VNNI
// is.
constexpr int64_t kAtOnce = 1 << 20;  // bytes

// oneDNN's matmul lays out key and value anew at each call. For so many queries that is little
// beside the product.
constexpr int64_t kLeastQueries = 128;

int64_t largest_divisor(int64_t number, int64_t most) {
  int64_t divisor = std::clamp<int64_t>(most, 1, number);
  while (number % divisor != 0) --divisor;
  return divisor;
}

}  // namespace

std::optional<AttentionSizes> attention_sizes(c10::IntArrayRef query, c10::IntArrayRef key,
                                              c10::IntArrayRef value) {
  const size_t rank = query.size();
  if ((rank != 3 && rank != 4) || key.size() != rank || value.size() != rank) return {};
  const size_t head = rank - 3;
  const auto outer = query.slice(0, head + 1);
  if (key.slice(0, head + 1) != outer || value.slice(0, head + 1) != outer) return {};
  if (query[head + 2] != key[head + 1] || key[head + 2] != value[head + 1]) return {};
  return AttentionSizes{.batch = rank == 4 ? query[0] : 1,
                        .heads = query[head],
                        .queries = query[head + 1],
                        .keys = key[head + 2],
                        .width = query[head + 2],
                        .value_width = value[head + 2]};
}

AttentionBlock attention_block(const AttentionSizes& sizes, int threads) {
  const int64_t row = kBytesOfScore * sizes.keys;
  const int64_t sequence = sizes.heads * sizes.queries * row;
  if (sequence <= kAllAtOnce * threads) {
    return {largest_divisor(sizes.batch, kAllAtOnce * threads / sequence), sizes.heads,
            sizes.queries};
  }
  const int64_t rows = kAtOnce * threads / row;
  const int64_t heads = largest_divisor(sizes.heads, rows / sizes.queries);
  if (heads * sizes.queries <= rows) return {1, heads, sizes.queries};
  const int64_t most = std::max(kLeastQueries, rows);
  const int64_t blocks = (sizes.queries + most - 1) / most;
  return {1, 1, (sizes.queries + blocks - 1) / blocks};
}

int64_t padded_length(int64_t length) {
  if (length == 1) return 1;
  int64_t step = 16;
  while (length > 16 * step) step *= 2;
  return (length + step - 1) / step * step;
}

}  // namespace int8graph
