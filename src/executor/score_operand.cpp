#include "executor/score_operand.h"

#include <ATen/ATen.h>

#include <array>
#include <limits>

namespace int8graph {

using dnnl::memory;

ScoreOperand::ScoreOperand(const at::Tensor& tensor, const AttentionSizes& sizes,
                           const AttentionSizes& padded, const AttentionBlock& block)
    : is_shared_(tensor.dim() < 4 || tensor.size(0) == 1) {
  if (tensor.numel() == 1) {
    dense_ = tensor.reshape({1, 1, 1, 1});
    return;
  }
  at::Tensor whole = tensor;
  while (whole.dim() < 4) whole = whole.unsqueeze(0);
  const bool has_queries = whole.size(1) != 1 || whole.size(2) != 1;
  const std::array<int64_t, 4> wanted = {is_shared_ ? block.batch : whole.size(0), whole.size(1),
                                         has_queries ? padded.queries : 1, padded.keys};
  if (whole.sizes() == at::IntArrayRef(wanted) && whole.is_contiguous()) {
    dense_ = std::move(whole);
    return;
  }
  dense_ = at::empty(wanted, at::kFloat);
  const int64_t queries = has_queries ? sizes.queries : 1;
  dense_.slice(2, 0, queries).slice(3, 0, sizes.keys).copy_(whole);
  if (queries < wanted[2]) dense_.slice(2, queries).fill_(1);
  if (sizes.keys < wanted[3]) dense_.slice(3, sizes.keys).fill_(1);
}

ScoreOperand ScoreOperand::mask(const AttentionSizes& sizes, const AttentionSizes& padded,
                                const AttentionBlock& block) {
  at::Tensor mask = at::empty({block.batch, 1, 1, padded.keys}, at::kFloat);
  auto* values = mask.data_ptr<float>();
  for (int64_t i = 0; i < mask.numel(); ++i) {
    const bool is_key = i % padded.keys < sizes.keys;
    values[i] = is_key ? 0 : -std::numeric_limits<float>::infinity();
  }
  return {std::move(mask), true};
}

const void* ScoreOperand::at(int64_t batch, int64_t head, int64_t query) const {
  const auto skip = [&](int64_t d, int64_t i) { return dense_.size(d) == 1 ? 0 : i; };
  const int64_t first = (is_shared_ ? 0 : batch) * dense_.size(1) + skip(1, head);
  return dense_.const_data_ptr<float>() +
         (first * dense_.size(2) + skip(2, query)) * dense_.size(3);
}

dnnl::memory::dims ScoreOperand::sizes_in(const AttentionBlock& block) const {
  const auto part = [&](int64_t d, int64_t size) { return dense_.size(d) == 1 ? 1 : size; };
  return {part(0, block.batch), part(1, block.heads), part(2, block.queries), dense_.size(3)};
}

}  // namespace int8graph
