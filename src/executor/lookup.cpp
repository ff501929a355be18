#include "executor/lookup.h"

#include <ATen/ATen.h>

#include "executor/newer_cpus.h"
#include "executor/parallel.h"

namespace int8graph {

namespace {

/// One scale for each row, or one for all.
struct Scales {
  explicit Scales(const at::Tensor& table)
      : tensor(table.qscheme() == at::kPerTensorAffine ? at::full({1}, table.q_scale(), at::kDouble)
                                                       : table.q_per_channel_scales()),
        values(tensor.const_data_ptr<double>()),
        step(tensor.numel() > 1 ? 1 : 0) {}

  float of(int64_t row) const { return static_cast<float>(values[row * step]); }

  const at::Tensor tensor;
  const double* values;
  const int64_t step;
};

INT8GRAPH_FOR_NEWER_CPUS void dequantize_row(const int8_t* row, int64_t columns, float scale,
                                             float* values) {
  for (int64_t c = 0; c < columns; ++c) values[c] = scale * static_cast<float>(row[c]);
}

at::Tensor look_up(const at::Tensor& table, const at::Tensor& ids) {
  TORCH_CHECK_TYPE(ids.scalar_type() == at::kLong || ids.scalar_type() == at::kInt,
                   "embedding: ids are ", ids.scalar_type(), ", not int64 or int32");
  const int64_t rows = table.size(0);
  const int64_t columns = table.size(1);
  const at::Tensor wanted = ids.to(at::kLong).contiguous();
  std::vector<int64_t> sizes = ids.sizes().vec();
  sizes.push_back(columns);
  at::Tensor result = at::empty(sizes, at::kFloat);

  const Scales scales(table);
  const int64_t* id = wanted.const_data_ptr<int64_t>();
  const auto* values = static_cast<const int8_t*>(table.const_data_ptr());
  auto* out = result.mutable_data_ptr<float>();
  parallel_for(wanted.numel(), columns, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      TORCH_CHECK_INDEX(id[i] >= 0 && id[i] < rows, "embedding: id ", id[i],
                        " is outside of a table of ", rows, " rows");
      dequantize_row(values + id[i] * columns, columns, scales.of(id[i]), out + i * columns);
    }
  });
  return result;
}

}  // namespace

at::Tensor int8_embedding(const at::Tensor& table, const at::Tensor& ids,
                          c10::SymInt /*padding_idx*/, bool /*scale_grad_by_freq*/,
                          bool /*sparse*/) {
  return look_up(table, ids);
}

std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor> int8_embedding_bag(
    const at::Tensor& table, const at::Tensor& ids, const at::Tensor& offsets,
    bool scale_grad_by_freq, int64_t mode, bool sparse, const std::optional<at::Tensor>& weights,
    bool include_last_offset, std::optional<int64_t> padding_idx) {
  // PyTorch's operator does the sums, over a table of just the rows that are read, in their order;
  // one row more stands for the padding.
  const int64_t count = ids.numel();
  const at::Tensor rows =
      at::cat({look_up(table, ids.reshape(-1)), at::zeros({1, table.size(1)}, at::kFloat)});
  at::Tensor places = at::arange(count, ids.options()).view(ids.sizes());
  if (padding_idx) {
    const int64_t padding = *padding_idx < 0 ? *padding_idx + table.size(0) : *padding_idx;
    places = at::where(ids.eq(padding), at::full({}, count, ids.options()), places);
  }
  return at::embedding_bag(rows, places, offsets, scale_grad_by_freq, mode, sparse, weights,
                           include_last_offset,
                           padding_idx ? std::optional<int64_t>(count) : std::nullopt);
}

}  // namespace int8graph
