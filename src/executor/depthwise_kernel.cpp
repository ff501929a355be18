#include "executor/depthwise_kernel.h"

#include <span>
#include <utility>

#include "executor/call_kernel.h"
#include "executor/conv_form.h"
#include "executor/depthwise.h"

namespace int8graph {

namespace {

using Arguments = std::span<const at::Tensor>;

struct DepthwisePlan {
  explicit DepthwisePlan(ConvPlan plan) : convolution(std::move(plan)), layer(convolution) {}

  ConvPlan convolution;
  DepthwiseLayer layer;
};

/// A plan's convolution for a source of one form. Immutable; run by many threads.
class DepthwiseCall {
 public:
  /// @param plan outlives this
  DepthwiseCall(const DepthwisePlan& plan, Arguments arguments, OutputLayout layout)
      : layer_(plan.layer), form_(plan.convolution, arguments, layout, /*may_overwrite=*/false) {}

  at::Tensor run(Arguments arguments) const {
    return form_.run(arguments, [&](const at::Tensor& source, const at::Tensor& result, auto) {
      depthwise(layer_, source, result);
    });
  }

  std::string implementation() const { return "depthwise of int8graph"; }
  std::string shape() const { return c10::str(form_.shapes().source); }

 private:
  const DepthwiseLayer& layer_;
  ConvForm form_;
};

}  // namespace

std::unique_ptr<const PrimitiveKernel> make_depthwise_kernel(ConvPlan plan, std::string name,
                                                             OutputLayout layout) {
  return std::make_unique<CallKernel<DepthwisePlan, DepthwiseCall>>(DepthwisePlan(std::move(plan)),
                                                                    std::move(name), layout);
}

}  // namespace int8graph
