#include "executor/matmul_kernel.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/util/SmallVector.h>

#include <algorithm>
#include <array>

#include "config/environment.h"
#include "executor/call_key.h"
#include "executor/matmul_primitive.h"
#include "executor/row_blocks.h"
#include "executor/snapshot_cache.h"
#include "executor/tensor_bridge.h"

namespace int8graph {

using dnnl::memory;

namespace {

using Arguments = std::span<const at::Tensor>;

/// Which of the partition's inputs the binary post-ops take, in their order.
std::vector<size_t> operands_of(const MatmulPlan& plan) {
  std::vector<size_t> operands;
  for (const MatmulPlan::PostOp& op : plan.post_ops) {
    if (op.argument) operands.push_back(*op.argument);
  }
  return operands;
}

at::Tensor allocate_result(const MatmulPlan& plan, std::vector<int64_t> sizes) {
  std::vector<int64_t> strides = contiguous_strides(sizes);
  const auto dtype = plan.quantizer ? plan.quantizer->scalar_type() : c10::kFloat;
  return allocate({std::move(sizes), std::move(strides), dtype, plan.quantizer});
}

memory::desc desc_of(const at::Tensor& tensor) {
  return {tensor.sizes().vec(), onednn_dtype(tensor.scalar_type()), tensor.strides().vec()};
}

/// The tensor, or a copy where neither of its last two strides is 1: oneDNN reads no such matrix.
at::Tensor with_dense_rows_or_columns(const at::Tensor& tensor) {
  const auto strides = tensor.strides();
  const bool is_dense = strides.back() == 1 || strides[strides.size() - 2] == 1;
  return is_dense ? tensor : tensor.contiguous();
}

/// Rows times a weight, block by block.
class LinearKernel final : public MatmulKernel {
 public:
  explicit LinearKernel(MatmulPlan plan)
      : plan_(std::move(plan)),
        operands_(operands_of(plan_)),
        constants_(std::make_shared<MatmulConstants>(plan_)),
        primitives_(kCapacity) {}

  bool takes(Arguments arguments) const override {
    const auto sizes = arguments[plan_.source.argument].sizes();
    if (sizes.empty() || sizes.back() != plan_.inner_size()) return false;
    return std::ranges::all_of(operands_, [&](size_t operand) {
      const auto others = arguments[operand].sizes();
      return others.size() == sizes.size() && others.back() == plan_.outer_size() &&
             others.slice(0, sizes.size() - 1) == sizes.slice(0, sizes.size() - 1);
    });
  }

  at::Tensor run(Arguments arguments) const override {
    const at::Tensor source = arguments[plan_.source.argument].contiguous();
    c10::SmallVector<at::Tensor, 2> operands;
    for (const size_t operand : operands_) operands.push_back(arguments[operand].contiguous());
    std::vector<int64_t> sizes = source.sizes().vec();
    sizes.back() = plan_.outer_size();
    at::Tensor result = allocate_result(plan_, std::move(sizes));

    const int64_t in_row = plan_.inner_size();  // bytes, as everything below
    const auto out_row = static_cast<int64_t>(result.itemsize()) * plan_.outer_size();
    const auto operand_row = static_cast<int64_t>(sizeof(float)) * plan_.outer_size();
    const auto* in = static_cast<const char*>(source.const_data_ptr());
    auto* out = static_cast<char*>(result.data_ptr());
    for_each_row_block(source.numel() / plan_.inner_size(), [&](int64_t first, int64_t count) {
      c10::SmallVector<const void*, 2> at_first;
      for (const at::Tensor& operand : operands) {
        at_first.push_back(static_cast<const char*>(operand.const_data_ptr()) +
                           first * operand_row);
      }
      primitive(count)->run({in + first * in_row,
                             nullptr,
                             out + first * out_row,
                             {at_first.data(), at_first.size()}});
    });
    return result;
  }

 private:
  // One primitive for each block size and number of threads, while that does not keep changing.
  static constexpr size_t kCapacity = 4 * kRowBlockSizes;

  std::shared_ptr<const MatmulPrimitive> primitive(int64_t rows) const {
    const std::array<int64_t, 2> key = {rows, at::get_num_threads()};
    return primitives_.find_or_make(key, [&] {
      return std::make_shared<const MatmulPrimitive>(
          plan_, constants_, linear_shapes(plan_, constants_->weight(), rows));
    });
  }

  const MatmulPlan plan_;
  const std::vector<size_t> operands_;
  const std::shared_ptr<const MatmulConstants> constants_;
  mutable SnapshotCache<MatmulPrimitive> primitives_;
};

/// The product of two activations of the same rank and batch sizes, whatever their strides.
class ProductKernel final : public MatmulKernel {
 public:
  explicit ProductKernel(MatmulPlan plan)
      : plan_(std::move(plan)),
        operands_(operands_of(plan_)),
        constants_(std::make_shared<MatmulConstants>(plan_)),
        primitives_(compile_cache_capacity()) {}

  bool takes(Arguments arguments) const override {
    const auto source = arguments[plan_.source.argument].sizes();
    const auto second = arguments[plan_.second->argument].sizes();
    const size_t rank = source.size();
    if (rank < 2 || second.size() != rank || source[rank - 1] != second[rank - 2] ||
        source.slice(0, rank - 2) != second.slice(0, rank - 2)) {
      return false;
    }
    const std::vector<int64_t> result = result_sizes(arguments);
    return std::ranges::all_of(operands_, [&](size_t operand) {
      const auto sizes = arguments[operand].sizes();
      return std::ranges::equal(sizes, result, [](int64_t size, int64_t whole) {
        return size == whole || size == 1;  // what is 1 is broadcast
      });
    });
  }

  at::Tensor run(Arguments arguments) const override {
    const at::Tensor source = with_dense_rows_or_columns(arguments[plan_.source.argument]);
    const at::Tensor second = with_dense_rows_or_columns(arguments[plan_.second->argument]);
    at::Tensor result = allocate_result(plan_, result_sizes(arguments));
    const auto primitive = primitives_.find_or_make(CallKey(arguments).view(), [&] {
      MatmulShapes shapes{desc_of(source), desc_of(second), desc_of(result), {}};
      for (const size_t operand : operands_) shapes.operands.push_back(desc_of(arguments[operand]));
      return std::make_shared<const MatmulPrimitive>(plan_, constants_, std::move(shapes));
    });
    c10::SmallVector<const void*, 2> operands;
    for (const size_t operand : operands_) operands.push_back(arguments[operand].const_data_ptr());
    primitive->run({source.const_data_ptr(),
                    second.const_data_ptr(),
                    result.data_ptr(),
                    {operands.data(), operands.size()}});
    return result;
  }

 private:
  std::vector<int64_t> result_sizes(Arguments arguments) const {
    std::vector<int64_t> sizes = arguments[plan_.source.argument].sizes().vec();
    sizes.back() = arguments[plan_.second->argument].sizes().back();
    return sizes;
  }

  const MatmulPlan plan_;
  const std::vector<size_t> operands_;
  const std::shared_ptr<const MatmulConstants> constants_;
  mutable SnapshotCache<MatmulPrimitive> primitives_;
};

}  // namespace

std::unique_ptr<const MatmulKernel> make_matmul_kernel(MatmulPlan plan) {
  if (plan.second) return std::make_unique<ProductKernel>(std::move(plan));
  return std::make_unique<LinearKernel>(std::move(plan));
}

}  // namespace int8graph
