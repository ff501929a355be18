#include "executor/score_operand.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <limits>

namespace int8graph {

using dnnl::memory;

ScoreOperand::ScoreOperand(const at::Tensor& tensor, const AttentionSizes& sizes,
                           const AttentionSizes& padded) {
  if (tensor.numel() == 1) {
    dense_ = tensor.reshape({1, 1, 1, 1});
    return;
  }
  at::Tensor whole = tensor;
  while (whole.dim() < 4) whole = whole.unsqueeze(0);
  const bool has_queries = whole.size(1) != 1 || whole.size(2) != 1;
  const std::array<int64_t, 4> wanted = {whole.size(0), whole.size(1),
                                         has_queries ? padded.queries : 1, padded.keys};
  if (whole.sizes() == at::IntArrayRef(wanted) && whole.is_contiguous()) {
    dense_ = std::move(whole);
    return;
  }
  dense_ = at::ones(wanted, at::kFloat);
  dense_.slice(2, 0, has_queries ? sizes.queries : 1).slice(3, 0, sizes.keys).copy_(whole);
}

ScoreOperand ScoreOperand::mask(const AttentionSizes& sizes, const AttentionSizes& padded) {
  at::Tensor mask = at::empty({1, 1, 1, padded.keys}, at::kFloat);
  auto* values = mask.data_ptr<float>();
  std::fill_n(values, sizes.keys, 0.0F);
  std::fill(values + sizes.keys, values + padded.keys, -std::numeric_limits<float>::infinity());
  return ScoreOperand(std::move(mask));
}

const void* ScoreOperand::at(int64_t batch, int64_t head, int64_t query) const {
  const auto skip = [&](int64_t d, int64_t i) { return dense_.size(d) == 1 ? 0 : i; };
  const int64_t row = (skip(0, batch) * dense_.size(1) + skip(1, head)) * dense_.size(2);
  return dense_.const_data_ptr<float>() + (row + skip(2, query)) * dense_.size(3);
}

memory::dims ScoreOperand::sizes_in(const AttentionBlock& block) const {
  const auto part = [&](int64_t d, int64_t size) { return dense_.size(d) == 1 ? 1 : size; };
  return {1, part(1, block.heads), part(2, block.queries), dense_.size(3)};
}

}  // namespace int8graph
