#pragma once

#include <c10/util/ArrayRef.h>

#include <cstdint>
#include <optional>

namespace int8graph {

/// The sizes of one call of an attention.
struct AttentionSizes {
  int64_t batch;  ///< sequences; 1 for tensors of rank 3
  int64_t heads;
  int64_t queries;      ///< length of the sequences that ask, L
  int64_t keys;         ///< of those that answer, S
  int64_t width;        ///< of a query and of a key, D
  int64_t value_width;  ///< of a value, and of the result, V
};

/// @param query, key, value [..., L, D], [..., D, S], [..., S, V]
/// @returns nothing if they don't multiply, broadcast, or are of another rank than 3 and 4.
std::optional<AttentionSizes> attention_sizes(c10::IntArrayRef query, c10::IntArrayRef key,
                                              c10::IntArrayRef value);

/// How much of an attention is computed at a time: some sequences with all heads, or some heads of
/// one, or some queries of one head.
struct AttentionBlock {
  int64_t batch;
  int64_t heads;
  int64_t queries;
};

/// The block that all threads compute together: everything, unless scores and probabilities would
/// leave the caches. Its sequences and heads divide all; queries are in parts as equal as can be.
/// Blocks of some heads have to be copied, see executor/head_blocks.h.
AttentionBlock attention_block(const AttentionSizes& sizes, int threads);

/// Lengths that differ from call to call share what is prepared for the next of these: multiples of
/// 16 up to 256, then eight steps for each power of two. 24 of them serve all lengths up to 512. A
/// single query stays one: a decoder's next token.
int64_t padded_length(int64_t length);

}  // namespace int8graph
