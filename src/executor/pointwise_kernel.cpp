#include "executor/pointwise_kernel.h"

#include <algorithm>
#include <memory>
#include <span>
#include <utility>

#include "executor/call_kernel.h"
#include "executor/conv_form.h"
#include "executor/gemm.h"

namespace int8graph {

namespace {

using Arguments = std::span<const at::Tensor>;

struct PointwisePlan {
  ConvPlan convolution;
  std::shared_ptr<const Gemm> layer;
  bool may_overwrite;  ///< the summand

  void restore_weight() const { layer->weight.restore(); }
};

/// A plan's convolution for arguments of one form. Immutable; run by many threads.
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

}  // namespace

bool can_be_pointwise(const ConvPlan& plan) {
  return !plan.is_transposed() && plan.groups == 1 &&
         are_all(1, plan.layer.weight.sizes().slice(2)) && are_all(1, plan.strides) &&
         are_all(0, plan.pads_begin) && are_all(0, plan.pads_end) &&
         std::ranges::none_of(plan.post_ops, &PostOp::reads_operand) && can_be_gemm(plan);
}

std::unique_ptr<const PrimitiveKernel> make_pointwise_kernel(ConvPlan plan, std::string name,
                                                             OutputLayout layout,
                                                             const std::vector<bool>& reusable,
                                                             Weights weights) {
  auto layer = std::make_shared<Gemm>(plan);
  if (weights == Weights::Owned) layer->weight.give_back();
  const bool may_overwrite = may_overwrite_summand(plan, reusable);
  return std::make_unique<CallKernel<PointwisePlan, PointwiseCall>>(
      PointwisePlan{std::move(plan), std::move(layer), may_overwrite}, std::move(name), layout);
}

}  // namespace int8graph
