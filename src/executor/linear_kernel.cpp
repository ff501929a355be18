#include "executor/linear_kernel.h"

#include <ATen/ATen.h>
#include <ATen/ExpandUtils.h>
#include <ATen/Parallel.h>
#include <c10/util/SmallVector.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <limits>

#include "executor/length_variation.h"
#include "executor/linear_primitive.h"
#include "executor/primitive_cache.h"
#include "executor/product_tensors.h"
#include "executor/row_blocks.h"
#include "executor/tensor_bridge.h"

namespace int8graph {

namespace {

using Arguments = std::span<const at::Tensor>;

/// Where one call's data is.
using Data = c10::SmallVector<const void*, 5>;

/// The tensor's rows, one after the other, and zeros behind them up to `padded` rows.
at::Tensor with_padding(const at::Tensor& tensor, int64_t rows, int64_t padded) {
  const at::Tensor dense = tensor.contiguous();
  if (padded == rows) return dense;
  const auto row_bytes = static_cast<int64_t>(dense.nbytes()) / rows;
  at::Tensor result = at::empty({padded * row_bytes}, at::kByte);
  auto* bytes = static_cast<char*>(result.data_ptr());
  std::memcpy(bytes, dense.const_data_ptr(), dense.nbytes());
  std::memset(bytes + dense.nbytes(), 0, static_cast<size_t>((padded - rows) * row_bytes));
  return result;
}

/// oneDNN's kernels count bytes of the source and numbers of the result in 32 bits.
int64_t most_rows_of_a_primitive(const LinearPlan& plan) {
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
  const int64_t longest = std::max(plan.inner_size(), plan.outer_size()) * int64_t{sizeof(float)};
  return kMost / std::max<int64_t>(longest, 1);
}

/// Rows times a weight: all at once while there are as many in each call, and block by block once
/// their number varies.
class LinearKernel final : public PrimitiveKernel {
 public:
  LinearKernel(LinearPlan plan, std::string name, Weights weights)
      : constants_(std::make_shared<LinearConstants>(std::move(plan))),
        plan_(constants_->plan()),
        cache_(std::move(name), kCapacity) {
    if (weights == Weights::Owned) constants_->weight().give_back();
  }

  void restore_weight() const override { constants_->weight().restore(); }

  std::optional<at::Tensor> run(Arguments arguments) const override {
    const at::Tensor& whole = arguments[plan_.source.argument];
    if (!fits(whole.sizes())) return {};
    const int64_t rows = whole.numel() / plan_.inner_size();
    const RowSplit split = split_of(rows);
    const int64_t padded = padded_rows(rows, split);
    const at::Tensor source = with_padding(whole, rows, padded);
    std::vector<int64_t> sizes = whole.sizes().vec();
    sizes.back() = plan_.outer_size();
    Operands operands = operands_of(plan_.post_ops, arguments);
    for (at::Tensor& operand : operands) {
      if (!at::is_expandable_to(operand.sizes(), sizes)) return {};
      operand =
          with_padding(operand.sizes() == sizes ? operand : operand.expand(sizes), rows, padded);
    }
    at::Tensor result = allocate_rows(rows, padded, sizes);

    const int64_t in_row = plan_.inner_size();  // bytes, as everything below
    const auto out_row = static_cast<int64_t>(result.itemsize()) * plan_.outer_size();
    const auto* in = static_cast<const char*>(source.const_data_ptr());
    auto* out = static_cast<char*>(result.data_ptr());
    bool is_done = true;
    for_each_row_block(rows, split, [&](int64_t first, int64_t count) {
      const auto primitive = primitive_for(count);
      is_done = is_done && primitive->has_value();
      if (!is_done) return;
      Data data = {in + first * in_row, out + first * out_row};
      for (const at::Tensor& operand : operands) {
        const auto row = static_cast<int64_t>(operand.nbytes()) / padded;
        data.push_back(static_cast<const char*>(operand.const_data_ptr()) + first * row);
      }
      (*primitive)->run({data.data(), data.size()});
    });
    if (!is_done) return {};
    return result;
  }

 private:
  // One primitive for each block size, of four numbers of threads. Those for numbers of rows that
  // stay take the places of what was not used for longest.
  static constexpr size_t kCapacity = 4 * kRowBlockSizes.size();

  bool fits(at::IntArrayRef source) const {
    // PReLU's channels are dimension 1, which the columns are of a matrix only.
    return !source.empty() && source.back() == plan_.inner_size() &&
           (source.size() == 2 || std::ranges::none_of(plan_.post_ops, &PostOp::is_prelu));
  }

  /// The result of these sizes; with padding it is the first part of a larger buffer.
  at::Tensor allocate_rows(int64_t rows, int64_t padded, const std::vector<int64_t>& sizes) const {
    if (padded == rows) return allocate_result(plan_.quantizer, sizes);
    const at::Tensor whole = allocate_result(plan_.quantizer, {padded, sizes.back()});
    return allocate_over(whole,
                         {sizes, dense_strides(sizes), whole.scalar_type(), plan_.quantizer});
  }

  /// The first time that the number of rows changes, all sizes of blocks are made at once: whoever
  /// comes with two lengths will come with more.
  RowSplit split_of(int64_t rows) const {
    const bool varies = variation_.notice(rows);
    if (!varies && rows <= most_rows_of_a_primitive(plan_)) return RowSplit::None;
    if (!has_blocks_.load(std::memory_order_relaxed) && !has_blocks_.exchange(true)) {
      for (const int64_t size : kRowBlockSizes) primitive_for(size);
    }
    return RowSplit::Blocks;
  }

  std::shared_ptr<const std::optional<LinearPrimitive>> primitive_for(int64_t rows) const {
    const std::array<int64_t, 2> key = {rows, at::get_num_threads()};
    return cache_.find_or_make(key, [&] { return LinearPrimitive(constants_, rows); });
  }

  const std::shared_ptr<const LinearConstants> constants_;
  const LinearPlan& plan_;
  const PrimitiveCache<LinearPrimitive> cache_;
  mutable LengthVariation variation_;  // of the number of rows
  mutable std::atomic<bool> has_blocks_{false};
};

}  // namespace

std::unique_ptr<const PrimitiveKernel> make_linear_kernel(LinearPlan plan, std::string name,
                                                          Weights weights) {
  return std::make_unique<LinearKernel>(std::move(plan), std::move(name), weights);
}

}  // namespace int8graph
