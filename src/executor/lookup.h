#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <tuple>

namespace int8graph {

/// Rows of a `qint8` table [rows, columns], symmetric, per row or per tensor, as f32:
/// `table[ids].dequantize()`. Arguments and result are aten::embedding's; what is for training only
/// is ignored.
/// @param ids int64 or int32, of any shape.
/// @throws c10::IndexError for an id outside of the table.
at::Tensor int8_embedding(const at::Tensor& table, const at::Tensor& ids, c10::SymInt padding_idx,
                          bool scale_grad_by_freq, bool sparse);

/// aten::embedding_bag over such a table. Of its four outputs only the first is of use.
std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor> int8_embedding_bag(
    const at::Tensor& table, const at::Tensor& ids, const at::Tensor& offsets,
    bool scale_grad_by_freq, int64_t mode, bool sparse, const std::optional<at::Tensor>& weights,
    bool include_last_offset, std::optional<int64_t> padding_idx);

}  // namespace int8graph
