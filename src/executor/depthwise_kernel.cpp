#include "executor/depthwise_kernel.h"

#include <span>
#include <utility>

#include "executor/call_kernel.h"
#include "executor/depthwise.h"
#include "executor/relayout.h"
#include "executor/tensor_bridge.h"

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
      : plan_(plan),
        source_(spec_of(source_of(arguments))),
        result_(result_spec(plan.convolution, source_.sizes)),
        borders_(source_, result_, layout) {}

  at::Tensor run(Arguments arguments) const {
    const at::Tensor source = borders_.read(source_of(arguments));
    at::Tensor result = allocate(result_);
    depthwise(plan_.layer, source, result);
    return borders_.write(std::move(result));
  }

  std::string implementation() const { return "depthwise of int8graph"; }
  std::string shape() const { return c10::str(c10::IntArrayRef(source_.sizes)); }

 private:
  const at::Tensor& source_of(Arguments arguments) const {
    return arguments[plan_.convolution.source.argument];
  }

  const DepthwisePlan& plan_;
  OutputSpec source_, result_;
  ChannelsLastBorders borders_;
};

}  // namespace

std::unique_ptr<const PrimitiveKernel> make_depthwise_kernel(ConvPlan plan, std::string name,
                                                             OutputLayout layout) {
  return std::make_unique<CallKernel<DepthwisePlan, DepthwiseCall>>(DepthwisePlan(std::move(plan)),
                                                                    std::move(name), layout);
}

}  // namespace int8graph
