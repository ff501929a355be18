#include "executor/matmul_kernel.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/util/SmallVector.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>

#include "config/elapsed.h"
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

memory::desc desc_of(const at::Tensor& tensor) {
  return {tensor.sizes().vec(), onednn_dtype(tensor.scalar_type()), tensor.strides().vec()};
}

/// The tensor in a form that oneDNN's matmul reads: one of its last two strides is 1.
at::Tensor with_dense_rows_or_columns(const at::Tensor& tensor) {
  const auto strides = tensor.strides();
  const bool is_dense = strides.back() == 1 || strides[strides.size() - 2] == 1;
  return is_dense ? tensor : tensor.contiguous();
}

/// A post-op's operand in a form that oneDNN's fast kernels take. They broadcast it over dimension
/// 1 of 4 (an attention's heads), with or without dimension 2; over the batch or otherwise only the
/// reference kernel does. And in 3.2 they read it as if it were dense, whatever strides it has.
at::Tensor operand_for(const at::Tensor& operand, at::IntArrayRef result) {
  if (operand.numel() == 1) return operand.contiguous();
  std::vector<int64_t> sizes = result.vec();
  if (sizes.size() == 4 && operand.size(1) == 1 && operand.size(3) == sizes[3]) {
    sizes[1] = 1;
    sizes[2] = operand.size(2);
  }
  return (operand.sizes() == sizes ? operand : operand.expand(sizes)).contiguous();
}

at::Tensor allocate_result(const MatmulPlan& plan, std::vector<int64_t> sizes) {
  std::vector<int64_t> strides = dense_strides(sizes);
  const auto dtype = plan.quantizer ? plan.quantizer->scalar_type() : c10::kFloat;
  return allocate({std::move(sizes), std::move(strides), dtype, plan.quantizer});
}

/// The matmuls of one plan, made when they are first asked for. A refusal is remembered, too.
class Matmuls {
 public:
  Matmuls(MatmulPlan plan, std::string name, size_t capacity)
      : plan_(std::move(plan)),
        name_(std::move(name)),
        operands_(operands_of(plan_)),
        constants_(std::make_shared<MatmulConstants>(plan_)),
        cache_(capacity) {}

  struct Outcome {
    std::optional<MatmulPrimitive> primitive;
  };

  template <typename Shapes>
  std::shared_ptr<const Outcome> find_or_make(CacheKey key, const Shapes& shapes) const {
    return cache_.find_or_make(key, [&] { return make(shapes); });
  }

  const MatmulPlan& plan() const { return plan_; }
  const std::vector<size_t>& operands() const { return operands_; }
  const memory::desc& packed_weight() const { return constants_->weight(); }

 private:
  template <typename Shapes>
  std::shared_ptr<const Outcome> make(const Shapes& shapes) const {
    auto outcome = std::make_shared<Outcome>();
    const auto start = std::chrono::steady_clock::now();
    try {
      const MatmulShapes wanted = shapes();
      outcome->primitive.emplace(plan_, constants_, wanted);
      const std::string implementation = outcome->primitive->implementation();
      if (implementation.starts_with("ref")) {
        outcome->primitive.reset();
        refuse("it has only its reference kernel");
      } else {
        log_verbose([&] {
          return name_ + ": matmul " + implementation + " for " +
                 c10::str(at::IntArrayRef(wanted.source.get_dims())) + " in " +
                 std::to_string(milliseconds_since(start)) + " ms";
        });
      }
    } catch (const std::exception& error) {  // oneDNN lets std::bad_alloc out for odd shapes
      outcome->primitive.reset();
      refuse(error.what());
    }
    return outcome;
  }

  void refuse(const std::string& reason) const {
    if (told_.exchange(true)) return;
    log_verbose([&] { return name_ + ": left to oneDNN Graph: oneDNN's matmul says " + reason; });
  }

  const MatmulPlan plan_;
  const std::string name_;
  const std::vector<size_t> operands_;
  const std::shared_ptr<const MatmulConstants> constants_;
  mutable SnapshotCache<Outcome> cache_;
  mutable std::atomic<bool> told_{false};
};

/// Rows times a weight, block by block.
class LinearKernel final : public MatmulKernel {
 public:
  LinearKernel(MatmulPlan plan, std::string name)
      : matmuls_(std::move(plan), std::move(name), kCapacity) {}

  std::optional<at::Tensor> run(Arguments arguments) const override {
    const MatmulPlan& plan = matmuls_.plan();
    if (!fit(arguments)) return {};
    const at::Tensor source = arguments[plan.source.argument].contiguous();
    c10::SmallVector<at::Tensor, 2> operands;
    for (const size_t operand : matmuls_.operands()) {
      operands.push_back(arguments[operand].contiguous());
    }
    std::vector<int64_t> sizes = source.sizes().vec();
    sizes.back() = plan.outer_size();
    at::Tensor result = allocate_result(plan, std::move(sizes));

    const int64_t in_row = plan.inner_size();  // bytes, as everything below
    const auto out_row = static_cast<int64_t>(result.itemsize()) * plan.outer_size();
    const auto operand_row = static_cast<int64_t>(sizeof(float)) * plan.outer_size();
    const auto* in = static_cast<const char*>(source.const_data_ptr());
    auto* out = static_cast<char*>(result.data_ptr());
    bool is_done = true;
    for_each_row_block(source.numel() / plan.inner_size(), [&](int64_t first, int64_t count) {
      const auto outcome = matmul(count);
      is_done = is_done && outcome->primitive;
      if (!is_done) return;
      c10::SmallVector<const void*, 2> at_first;
      for (const at::Tensor& operand : operands) {
        at_first.push_back(static_cast<const char*>(operand.const_data_ptr()) +
                           first * operand_row);
      }
      outcome->primitive->run({in + first * in_row,
                               nullptr,
                               out + first * out_row,
                               {at_first.data(), at_first.size()}});
    });
    if (!is_done) return {};
    return result;
  }

 private:
  // One matmul for each block size and number of threads, while that does not keep changing.
  static constexpr size_t kCapacity = 4 * kRowBlockSizes;

  bool fit(Arguments arguments) const {
    const auto sizes = arguments[matmuls_.plan().source.argument].sizes();
    if (sizes.empty() || sizes.back() != matmuls_.plan().inner_size()) return false;
    return std::ranges::all_of(matmuls_.operands(), [&](size_t operand) {
      const auto others = arguments[operand].sizes();
      return others.size() == sizes.size() && others.back() == matmuls_.plan().outer_size() &&
             others.slice(0, sizes.size() - 1) == sizes.slice(0, sizes.size() - 1);
    });
  }

  std::shared_ptr<const Matmuls::Outcome> matmul(int64_t rows) const {
    const std::array<int64_t, 2> key = {rows, at::get_num_threads()};
    return matmuls_.find_or_make(
        key, [&] { return linear_shapes(matmuls_.plan(), matmuls_.packed_weight(), rows); });
  }

  const Matmuls matmuls_;
};

/// The product of two activations of the same rank and batch sizes, whatever their strides.
class ProductKernel final : public MatmulKernel {
 public:
  ProductKernel(MatmulPlan plan, std::string name)
      : matmuls_(std::move(plan), std::move(name), compile_cache_capacity()) {}

  std::optional<at::Tensor> run(Arguments arguments) const override {
    const MatmulPlan& plan = matmuls_.plan();
    const at::Tensor& left = arguments[plan.source.argument];
    const at::Tensor& right = arguments[plan.second->argument];
    if (!multiply(left.sizes(), right.sizes())) return {};
    std::vector<int64_t> sizes = left.sizes().vec();
    sizes.back() = right.sizes().back();
    if (!broadcast_to(sizes, arguments)) return {};

    const at::Tensor source = with_dense_rows_or_columns(left);
    const at::Tensor second = with_dense_rows_or_columns(right);
    c10::SmallVector<at::Tensor, 2> operands;
    for (const size_t operand : matmuls_.operands()) {
      operands.push_back(operand_for(arguments[operand], sizes));
    }
    at::Tensor result = allocate_result(plan, std::move(sizes));
    const auto outcome = matmuls_.find_or_make(CallKey(arguments).view(), [&] {
      MatmulShapes shapes{desc_of(source), desc_of(second), desc_of(result), {}};
      for (const at::Tensor& operand : operands) {
        shapes.operands.emplace_back(operand.sizes().vec(), memory::data_type::f32,
                                     dense_strides(operand.sizes()));
      }
      return shapes;
    });
    if (!outcome->primitive) return {};
    c10::SmallVector<const void*, 2> data;
    for (const at::Tensor& operand : operands) data.push_back(operand.const_data_ptr());
    outcome->primitive->run({source.const_data_ptr(),
                             second.const_data_ptr(),
                             result.data_ptr(),
                             {data.data(), data.size()}});
    return result;
  }

 private:
  static bool multiply(at::IntArrayRef left, at::IntArrayRef right) {
    const size_t rank = left.size();
    return rank >= 2 && right.size() == rank && left[rank - 1] == right[rank - 2] &&
           left.slice(0, rank - 2) == right.slice(0, rank - 2);
  }

  /// Whether all operands are of these sizes, or of 1 where they are broadcast.
  bool broadcast_to(const std::vector<int64_t>& sizes, Arguments arguments) const {
    return std::ranges::all_of(matmuls_.operands(), [&](size_t operand) {
      return std::ranges::equal(arguments[operand].sizes(), sizes, [](int64_t size, int64_t whole) {
        return size == whole || size == 1;
      });
    });
  }

  const Matmuls matmuls_;
};

}  // namespace

std::unique_ptr<const MatmulKernel> make_matmul_kernel(MatmulPlan plan, std::string name) {
  if (plan.second) return std::make_unique<ProductKernel>(std::move(plan), std::move(name));
  return std::make_unique<LinearKernel>(std::move(plan), std::move(name));
}

}  // namespace int8graph
