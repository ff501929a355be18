#include "executor/conv_kernel.h"

#include <stdexcept>

#include "config/environment.h"
#include "executor/call_key.h"
#include "executor/conv_primitive.h"
#include "executor/primitive_cache.h"
#include "executor/relayout.h"
#include "executor/tensor_bridge.h"

namespace int8graph {

namespace {

using Arguments = std::span<const at::Tensor>;

/// @throws std::invalid_argument if the arguments do not fit the convolution
OutputSpec result_spec(const ConvPlan& plan, Arguments arguments) {
  auto sizes = plan.result_sizes(arguments[plan.source.argument].sizes());
  if (!sizes) throw std::invalid_argument("the convolution does not fit its source");
  const auto summand = plan.summand();
  if (summand && arguments[*summand].sizes() != *sizes) {
    throw std::invalid_argument("what it adds is not of the result's sizes");
  }
  std::vector<int64_t> strides = channels_last_strides(*sizes);
  return {std::move(*sizes), std::move(strides), result_dtype(plan.quantizer), plan.quantizer};
}

/// A plan's convolution for arguments of one form, and what brings these into its layout.
class ConvCall {
 public:
  ConvCall(const ConvPlan& plan, const ConvConstants& constants, Arguments arguments,
           OutputLayout layout)
      : result_(result_spec(plan, arguments)),
        convolution_(plan, constants, arguments[plan.source.argument].sizes(), result_.sizes) {
    const OutputSpec source = spec_of(arguments[plan.source.argument]);
    read_source_ = relayout_to(source, channels_last_strides(source.sizes));
    if (const auto summand = plan.summand()) {
      const OutputSpec spec = spec_of(arguments[*summand]);
      may_become_result_ = lies_in(spec, result_.strides);
      copy_summand_.emplace(spec, result_.strides);
    }
    if (layout == OutputLayout::Contiguous) {
      write_result_ = relayout_to(result_, dense_strides(result_.sizes));
    }
  }

  /// @param summand null if there is none
  at::Tensor run(const at::Tensor& source, const at::Tensor* summand, bool may_overwrite) const {
    const at::Tensor read = read_source_ ? read_source_->run(source) : source;
    at::Tensor result = summand == nullptr ? allocate(result_) : with(*summand, may_overwrite);
    convolution_.run(read.const_data_ptr(), result.data_ptr());
    return write_result_ ? write_result_->run(result) : result;
  }

  std::string implementation() const { return convolution_.implementation(); }
  std::string shape() const { return convolution_.shape(); }

 private:
  /// The result's buffer with the summand in it.
  at::Tensor with(const at::Tensor& summand, bool may_overwrite) const {
    const bool in_place = may_overwrite && may_become_result_;
    return allocate_over(in_place ? summand : copy_summand_->run(summand), result_);
  }

  OutputSpec result_;
  ConvPrimitive convolution_;
  std::optional<Relayout> read_source_, copy_summand_, write_result_;
  bool may_become_result_ = false;
};

class ConvKernel final : public PrimitiveKernel {
 public:
  ConvKernel(ConvPlan plan, std::string name, OutputLayout layout, bool may_reuse_summand,
             Weights weights)
      : plan_(std::move(plan)),
        layout_(layout),
        may_reuse_summand_(may_reuse_summand),
        summand_(plan_.summand()),
        constants_(plan_, weights),
        cache_(std::move(name), compile_cache_capacity()) {}

  std::optional<at::Tensor> run(Arguments arguments) const override {
    const at::Tensor& source = arguments[plan_.source.argument];
    const at::Tensor* summand = summand_ ? &arguments[*summand_] : nullptr;
    const auto call = cache_.find_or_make(
        CallKey(arguments).view(), [&] { return ConvCall(plan_, constants_, arguments, layout_); });
    if (!call->has_value()) return {};
    return (*call)->run(source, summand, may_reuse_summand_ && is_unique(*summand));
  }

  void restore_weight() const override { constants_.restore_weight(); }

 private:
  const ConvPlan plan_;
  const OutputLayout layout_;
  const bool may_reuse_summand_;
  const std::optional<size_t> summand_;
  const ConvConstants constants_;
  const PrimitiveCache<ConvCall> cache_;
};

}  // namespace

std::unique_ptr<const PrimitiveKernel> make_conv_kernel(ConvPlan plan, std::string name,
                                                        OutputLayout layout,
                                                        const std::vector<bool>& reusable,
                                                        Weights weights) {
  const auto summand = plan.summand();
  const bool may_reuse = summand && reusable[*summand] && *summand != plan.source.argument;
  return std::make_unique<ConvKernel>(std::move(plan), std::move(name), layout, may_reuse, weights);
}

}  // namespace int8graph
