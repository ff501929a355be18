#include "executor/pointwise_kernel.h"

#include <memory>
#include <span>
#include <utility>

#include "executor/call_kernel.h"
#include "executor/conv_form.h"
#include "executor/pointwise.h"

namespace int8graph {

namespace {

using Arguments = std::span<const at::Tensor>;

struct PointwisePlan {
  ConvPlan convolution;
  std::shared_ptr<const PointwiseLayer> layer;
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
      pointwise(layer_, source, result);
    });
  }

  std::string implementation() const { return "pointwise of int8graph"; }
  std::string shape() const { return c10::str(form_.shapes().source); }

 private:
  const PointwiseLayer& layer_;
  ConvForm form_;
};

}  // namespace

std::unique_ptr<const PrimitiveKernel> make_pointwise_kernel(ConvPlan plan, std::string name,
                                                             OutputLayout layout,
                                                             const std::vector<bool>& reusable,
                                                             Weights weights) {
  auto layer = std::make_shared<PointwiseLayer>(plan);
  if (weights == Weights::Owned) layer->weight.give_back();
  const bool may_overwrite = may_overwrite_summand(plan, reusable);
  return std::make_unique<CallKernel<PointwisePlan, PointwiseCall>>(
      PointwisePlan{std::move(plan), std::move(layer), may_overwrite}, std::move(name), layout);
}

}  // namespace int8graph
