#include "executor/row_kernel.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <array>

#include "config/environment.h"
#include "executor/onednn_runtime.h"
#include "executor/primitive_cache.h"
#include "executor/primitive_runner.h"
#include "executor/tensor_bridge.h"

namespace int8graph {

using dnnl::memory;

namespace {

dnnl::primitive_attr attributes(const RowPlan& plan) {
  dnnl::primitive_attr attr = plain_attributes();
  if (plan.quantizer) attr.set_scales_mask(DNNL_ARG_DST, 0);
  return attr;
}

PrimitiveConstants constants_of(const RowPlan& plan) {
  PrimitiveConstants constants;
  if (plan.quantizer) {
    const auto& quantizer = static_cast<const at::PerTensorAffineQuantizer&>(*plan.quantizer);
    constants.add_scale(DNNL_ARG_DST, quantizer.scale());
  }
  return constants;
}

dnnl::softmax_forward::primitive_desc describe(const RowPlan& plan, int64_t rows, int64_t length) {
  const memory::dims sizes = {rows, length};
  const memory::desc source(sizes, memory::data_type::f32, memory::format_tag::ab);
  const memory::desc result(sizes, onednn_dtype(result_dtype(plan.quantizer)),
                            memory::format_tag::ab);
  return {onednn_engine(), dnnl::prop_kind::forward_inference, plan.algorithm, source, result, 1,
          attributes(plan)};
}

/// A plan's softmax for a number of rows of one length. Immutable; run by many threads.
class RowPrimitive {
 public:
  /// @throws dnnl::error if oneDNN has none of this form.
  RowPrimitive(const RowPlan& plan, const PrimitiveConstants& constants, int64_t rows,
               int64_t length)
      : runner_(describe(plan, rows, length), constants, {DNNL_ARG_SRC, DNNL_ARG_DST}) {}

  void run(const void* source, void* result) const {
    runner_.run(std::array<const void*, 2>{source, result});
  }

  std::string implementation() const { return runner_.implementation(); }
  std::string shape() const { return runner_.sizes(DNNL_ARG_SRC); }

 private:
  PrimitiveRunner runner_;
};

class RowKernel final : public PrimitiveKernel {
 public:
  RowKernel(RowPlan plan, std::string name)
      : plan_(std::move(plan)),
        constants_(constants_of(plan_)),
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
