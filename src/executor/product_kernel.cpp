#include "executor/product_kernel.h"

#include <ATen/ATen.h>
#include <ATen/ExpandUtils.h>
#include <c10/util/SmallVector.h>

#include <algorithm>
#include <iterator>

#include "config/environment.h"
#include "executor/call_key.h"
#include "executor/matmul_primitive.h"
#include "executor/primitive_cache.h"
#include "executor/product_tensors.h"
#include "executor/tensor_bridge.h"

namespace int8graph {

using dnnl::memory;

namespace {

using Arguments = std::span<const at::Tensor>;

memory::desc desc_of(const at::Tensor& tensor) {
  return {tensor.sizes().vec(), onednn_dtype(tensor.scalar_type()), tensor.strides().vec()};
}

/// A post-op's operand in a form that oneDNN's fast kernels take. They broadcast it over dimension
/// 1 of 4 (an attention's heads), with or without dimension 2; over the batch or otherwise only the
/// reference kernel does. And in 3.2 they read it as if it were dense, whatever strides it has.
at::Tensor operand_for(const at::Tensor& operand, at::IntArrayRef result) {
  if (operand.numel() == 1) return operand.reshape(std::vector<int64_t>(result.size(), 1));
  std::vector<int64_t> sizes = result.vec();
  if (sizes.size() == 4 && operand.dim() == 4 && operand.size(1) == 1 &&
      operand.size(3) == sizes[3]) {
    sizes[1] = 1;
    sizes[2] = operand.size(2);
  }
  return (operand.sizes() == sizes ? operand : operand.expand(sizes)).contiguous();
}

/// The product of two activations of the same rank and batch sizes, whatever their strides.
class ProductKernel final : public PrimitiveKernel {
 public:
  ProductKernel(ProductPlan plan, std::string name, OutputLayout layout)
      : plan_(std::move(plan)),
        layout_(layout),
        constants_(product_constants(plan_)),
        cache_(std::move(name), compile_cache_capacity()) {}

  std::optional<at::Tensor> run(Arguments arguments) const override {
    const at::Tensor& left = arguments[plan_.source.argument];
    const at::Tensor& right = arguments[plan_.second.argument];
    if (!multiply(left.sizes(), right.sizes())) return {};
    std::vector<int64_t> sizes = left.sizes().vec();
    sizes.back() = right.sizes().back();
    const at::Tensor source = with_dense_rows_or_columns(left);
    const at::Tensor second = with_dense_rows_or_columns(right);
    Operands operands = operands_of(plan_.post_ops, arguments);
    for (at::Tensor& operand : operands) {
      if (!at::is_expandable_to(operand.sizes(), sizes)) return {};
      operand = operand_for(operand, sizes);
    }
    at::Tensor result = allocate_result(plan_.quantizer, std::move(sizes), layout_);
    const auto primitive = cache_.find_or_make(CallKey(arguments).view(), [&] {
      MatmulShapes shapes{desc_of(source), desc_of(second), desc_of(result), {}};
      std::ranges::transform(operands, std::back_inserter(shapes.operands), desc_of);
      return MatmulPrimitive(plan_, constants_, shapes);
    });
    if (!primitive->has_value()) return {};
    c10::SmallVector<const void*, 5> data = {source.const_data_ptr(), second.const_data_ptr(),
                                             result.data_ptr()};
    for (const at::Tensor& operand : operands) data.push_back(operand.const_data_ptr());
    (*primitive)->run({data.data(), data.size()});
    return result;
  }

 private:
  static bool multiply(at::IntArrayRef left, at::IntArrayRef right) {
    const size_t rank = left.size();
    return rank >= 2 && right.size() == rank && left[rank - 1] == right[rank - 2] &&
           left.slice(0, rank - 2) == right.slice(0, rank - 2);
  }

  const ProductPlan plan_;
  const OutputLayout layout_;
  const PrimitiveConstants constants_;
  const PrimitiveCache<MatmulPrimitive> cache_;
};

}  // namespace

std::unique_ptr<const PrimitiveKernel> make_product_kernel(ProductPlan plan, std::string name,
                                                           OutputLayout layout) {
  return std::make_unique<ProductKernel>(std::move(plan), std::move(name), layout);
}

}  // namespace int8graph
