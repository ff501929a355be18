#include "executor/gemm_kernel.h"

#include <ATen/ATen.h>
#include <ATen/ExpandUtils.h>

#include <utility>

#include "config/environment.h"
#include "executor/gemm.h"
#include "executor/product_tensors.h"
#include "executor/tensor_bridge.h"

namespace int8graph {

namespace {

class GemmKernel final : public PrimitiveKernel {
 public:
  GemmKernel(const LinearPlan& plan, const std::vector<bool>& reusable, Weights weights)
      : source_(plan.source.argument),
        quantizer_(plan.quantizer),
        layer_(plan, plan.channel_axis),
        summand_(layer_.tail ? layer_.tail->summand : std::nullopt),
        may_overwrite_(summand_ && !quantizer_ && !reusable.empty() && reusable[*summand_]) {
    if (weights == Weights::Owned) layer_.weight.give_back();
  }

  void restore_weight() const override { layer_.weight.restore(); }

  std::optional<at::Tensor> run(std::span<const at::Tensor> arguments) const override {
    const at::Tensor& whole = arguments[source_];
    if (whole.dim() == 0 || whole.size(-1) != layer_.inputs) return {};
    std::vector<int64_t> sizes = whole.sizes().vec();
    sizes.back() = layer_.outputs;
    at::Tensor summand, result;
    if (summand_) {
      const at::Tensor& given = arguments[*summand_];
      const bool lies_like_result = given.sizes() == sizes && given.is_contiguous();
      if (!lies_like_result && !at::is_expandable_to(given.sizes(), sizes)) return {};
      if (lies_like_result && may_overwrite_ && is_unique(given)) result = given;
      summand = lies_like_result ? given : given.expand(sizes).contiguous();
    }
    if (!result.defined()) result = allocate_result(quantizer_, std::move(sizes));
    const at::Tensor source = whole.contiguous();
    gemm(layer_, {source.numel() / layer_.inputs, source.const_data_ptr(),
                  summand_ ? summand.const_data_ptr<float>() : nullptr, result.data_ptr()});
    return result;
  }

 private:
  const size_t source_;  // which argument
  const at::QuantizerPtr quantizer_;
  const Gemm layer_;
  const std::optional<size_t> summand_;  // which argument
  const bool may_overwrite_;             // the summand, with fp32
};

}  // namespace

std::unique_ptr<const PrimitiveKernel> make_gemm_kernel(const LinearPlan& plan,
                                                        const std::string& name,
                                                        const std::vector<bool>& reusable,
                                                        Weights weights) {
  auto kernel = std::make_unique<GemmKernel>(plan, reusable, weights);
  log_verbose([&] { return name + ": gemm of int8graph for any number of rows"; });
  return kernel;
}

}  // namespace int8graph
