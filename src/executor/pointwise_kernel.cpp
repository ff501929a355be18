#include "executor/pointwise_kernel.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "config/environment.h"
#include "executor/call_kernel.h"
#include "executor/conv_form.h"
#include "executor/gemm.h"
#include "executor/tensor_bridge.h"

namespace int8graph {

namespace {

using Arguments = std::span<const at::Tensor>;

struct PointwisePlan {
  ConvPlan convolution;
  std::shared_ptr<const Gemm> layer;
  bool may_overwrite;  ///< the summand

  void restore_weight() const { layer->weight.restore(); }
};

/// A plan's convolution for arguments of one form, in whatever layout. Immutable; run by many
/// threads.
class PointwiseCall {
 public:
  /// @param plan outlives this
  PointwiseCall(const PointwisePlan& plan, Arguments arguments, OutputLayout layout)
      : layer_(*plan.layer), form_(plan.convolution, arguments, layout, plan.may_overwrite) {}

  at::Tensor run(Arguments arguments) const {
    return form_.run(arguments, [&](const at::Tensor& source, const at::Tensor& result, auto) {
      gemm(layer_,
           {source.numel() / layer_.inputs, source.const_data_ptr(), nullptr, result.data_ptr()});
    });
  }

  std::string implementation() const { return "gemm of int8graph"; }
  std::string shape() const { return c10::str(form_.shapes().source); }

 private:
  const Gemm& layer_;
  ConvForm form_;
};

/// Images that lie as they should, channels-last, need nothing that is made for their form.
class PointwiseKernel final : public PrimitiveKernel {
 public:
  PointwiseKernel(PointwisePlan plan, const std::string& name, OutputLayout layout)
      : layer_(plan.layer),
        source_(plan.convolution.source.argument),
        summand_(plan.convolution.summand()),
        quantizer_(plan.convolution.quantizer),
        may_overwrite_(plan.may_overwrite),
        is_for_others_(layout == OutputLayout::Contiguous ||
                       !are_all(1, plan.convolution.subsampling)),
        others_(std::move(plan), name, layout) {
    log_verbose([&] { return name + ": gemm of int8graph for any size"; });
  }

  std::optional<at::Tensor> run(Arguments arguments) const override {
    auto result = run_as_it_lies(arguments);
    return result ? result : others_.run(arguments);
  }

  void restore_weight() const override { layer_->weight.restore(); }

 private:
  static bool lies_right(const at::Tensor& tensor) {
    return tensor.dim() == 4 && tensor.is_contiguous(at::MemoryFormat::ChannelsLast);
  }

  /// Nothing where an argument, or the result, has to lie otherwise.
  std::optional<at::Tensor> run_as_it_lies(Arguments arguments) const {
    const at::Tensor& source = arguments[source_];
    if (is_for_others_ || !lies_right(source) || source.size(1) != layer_->inputs) return {};
    OutputSpec spec{source.sizes().vec(), {}, result_dtype(quantizer_), quantizer_};
    spec.sizes[1] = layer_->outputs;
    spec.strides = channels_last_strides(spec.sizes);
    at::Tensor result;
    if (summand_) {
      const at::Tensor& summand = arguments[*summand_];
      const bool is_replaced = may_overwrite_ && is_unique(summand);
      if (!is_replaced || summand.sizes() != spec.sizes || !lies_right(summand)) return {};
      result = allocate_over(summand, spec);
    } else {
      result = allocate(spec);
    }
    gemm(*layer_,
         {source.numel() / layer_->inputs, source.const_data_ptr(), nullptr, result.data_ptr()});
    return result;
  }

  const std::shared_ptr<const Gemm> layer_;
  const size_t source_;                  // which argument
  const std::optional<size_t> summand_;  // likewise
  const at::QuantizerPtr quantizer_;
  const bool may_overwrite_;  // the summand
  const bool is_for_others_;  // whatever lies how
  const CallKernel<PointwisePlan, PointwiseCall> others_;
};

}  // namespace

bool can_be_pointwise(const ConvPlan& plan) {
  return !plan.is_transposed() && plan.groups == 1 &&
         are_all(1, plan.layer.weight.sizes().slice(2)) && are_all(1, plan.strides) &&
         are_all(0, plan.pads_begin) && are_all(0, plan.pads_end) &&
         std::ranges::none_of(plan.post_ops, &PostOp::reads_operand) && can_be_gemm(plan);
}

std::unique_ptr<const PrimitiveKernel> make_pointwise_kernel(ConvPlan plan, const std::string& name,
                                                             OutputLayout layout,
                                                             const std::vector<bool>& reusable,
                                                             Weights weights) {
  auto layer = std::make_shared<Gemm>(plan);
  if (weights == Weights::Owned) layer->weight.give_back();
  const bool may_overwrite = may_overwrite_summand(plan, reusable);
  return std::make_unique<PointwiseKernel>(
      PointwisePlan{std::move(plan), std::move(layer), may_overwrite}, name, layout);
}

}  // namespace int8graph
