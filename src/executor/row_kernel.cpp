#include "executor/row_kernel.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <array>

#include "config/environment.h"
#include "executor/primitive_cache.h"
#include "executor/row_primitive.h"
#include "executor/tensor_bridge.h"

namespace int8graph {

namespace {

class RowKernel final : public PrimitiveKernel {
 public:
  RowKernel(RowPlan plan, std::string name)
      : plan_(std::move(plan)),
        constants_(row_constants(plan_)),
        cache_(std::move(name), compile_cache_capacity()) {}

  std::optional<at::Tensor> run(std::span<const at::Tensor> arguments) const override {
    const int64_t rank = arguments[0].dim();
    if (rank == 0 || (plan_.axis != -1 && plan_.axis != rank - 1)) return {};
    const at::Tensor source = arguments[0].contiguous();
    const int64_t length = source.size(-1);
    const int64_t rows = source.numel() / length;
    const std::array<int64_t, 3> key = {rows, length, at::get_num_threads()};
    const auto primitive =
        cache_.find_or_make(key, [&] { return RowPrimitive(plan_, constants_, rows, length); });
    if (!primitive->has_value()) return {};
    at::Tensor result = allocate({source.sizes().vec(), dense_strides(source.sizes()),
                                  result_dtype(plan_.quantizer), plan_.quantizer});
    (*primitive)->run(source.const_data_ptr(), result.data_ptr());
    return result;
  }

 private:
  const RowPlan plan_;
  const PrimitiveConstants constants_;
  const PrimitiveCache<RowPrimitive> cache_;
};

}  // namespace

std::unique_ptr<const PrimitiveKernel> make_row_kernel(RowPlan plan, std::string name) {
  return std::make_unique<RowKernel>(std::move(plan), std::move(name));
}

}  // namespace int8graph
