#include "executor/conv_kernel.h"

#include <span>
#include <utility>

#include "config/environment.h"
#include "executor/call_key.h"
#include "executor/conv_form.h"
#include "executor/conv_primitive.h"
#include "executor/primitive_cache.h"

namespace int8graph {

namespace {

using Arguments = std::span<const at::Tensor>;

/// A plan's convolution for arguments of one form. Immutable; run by many threads.
class ConvCall {
 public:
  ConvCall(const ConvPlan& plan, const ConvConstants& constants, ConvForm form)
      : form_(std::move(form)), convolution_(plan, constants, form_.shapes()) {}

  at::Tensor run(Arguments arguments) const {
    return form_.run(arguments, [&](const at::Tensor& source, const at::Tensor& result,
                                    std::span<const at::Tensor> operands) {
      convolution_.run(source.const_data_ptr(), result.data_ptr(), operands);
    });
  }

  std::string implementation() const { return convolution_.implementation(); }
  std::string shape() const { return convolution_.shape(); }

 private:
  ConvForm form_;
  ConvPrimitive convolution_;
};

class ConvKernel final : public PrimitiveKernel {
 public:
  ConvKernel(ConvPlan plan, std::string name, OutputLayout layout, bool may_overwrite,
             Weights weights)
      : plan_(std::move(plan)),
        layout_(layout),
        may_overwrite_(may_overwrite),
        constants_(plan_, weights),
        cache_(std::move(name), compile_cache_capacity()) {}

  std::optional<at::Tensor> run(Arguments arguments) const override {
    const auto call = cache_.find_or_make(CallKey(arguments).view(), [&] {
      return ConvCall(plan_, constants_, {plan_, arguments, layout_, may_overwrite_});
    });
    if (!call->has_value()) return {};
    return (*call)->run(arguments);
  }

  void restore_weight() const override { constants_.restore_weight(); }

 private:
  const ConvPlan plan_;
  const OutputLayout layout_;
  const bool may_overwrite_;
  const ConvConstants constants_;
  const PrimitiveCache<ConvCall> cache_;
};

}  // namespace

std::unique_ptr<const PrimitiveKernel> make_conv_kernel(ConvPlan plan, std::string name,
                                                        OutputLayout layout,
                                                        const std::vector<bool>& reusable,
                                                        Weights weights) {
  const bool may_overwrite = may_overwrite_summand(plan, reusable);
  return std::make_unique<ConvKernel>(std::move(plan), std::move(name), layout, may_overwrite,
                                      weights);
}

}  // namespace int8graph
