#include "executor/pool_kernel.h"

#include <array>
#include <optional>
#include <span>
#include <stdexcept>

#include "executor/call_kernel.h"
#include "executor/max_pool.h"
#include "executor/onednn_runtime.h"
#include "executor/primitive_runner.h"
#include "executor/relayout.h"
#include "executor/tensor_bridge.h"

namespace int8graph {

using dnnl::memory;

namespace {

using Arguments = std::span<const at::Tensor>;

/// @throws std::invalid_argument if the source does not fit the pool
OutputSpec result_spec(const PoolPlan& plan, c10::IntArrayRef source) {
  auto sizes = plan.result_sizes(source);
  if (!sizes) throw std::invalid_argument("the pool does not fit its source");
  std::vector<int64_t> strides = channels_last_strides(*sizes);
  return {std::move(*sizes), std::move(strides), plan.quantizer->scalar_type(), plan.quantizer};
}

/// Just what the last window needs: negative where the source's end is left out.
memory::dims pads_at_the_end(const PoolPlan& plan, c10::IntArrayRef source,
                             c10::IntArrayRef result) {
  memory::dims pads;
  for (size_t d = 0; d < plan.kernel.size(); ++d) {
    const int64_t window = (plan.kernel[d] - 1) * plan.dilations[d] + 1;
    const int64_t end = (result[d + 2] - 1) * plan.strides[d] + window;
    pads.push_back(end - source[d + 2] - plan.pads[d]);
  }
  return pads;
}

dnnl::pooling_forward::primitive_desc describe(const PoolPlan& plan, const OutputSpec& source,
                                               const OutputSpec& result) {
  return {onednn_engine(),   dnnl::prop_kind::forward_inference,
          plan.algorithm,    desc_of(channels_last(source)),
          desc_of(result),   plan.strides,
          plan.kernel,       onednn_dilations(plan.dilations),
          plan.pads,         pads_at_the_end(plan, source.sizes, result.sizes),
          plain_attributes()};
}

/// A plan's pool for a source of one form. Immutable; run by many threads.
class PoolCall {
 public:
  /// @param plan outlives this
  PoolCall(const PoolPlan& plan, Arguments arguments, OutputLayout layout)
      : plan_(plan),
        source_(spec_of(arguments[plan.source.argument])),
        result_(result_spec(plan, source_.sizes)),
        borders_(source_, result_, layout) {
    if (plan.algorithm != dnnl::algorithm::pooling_max) {
      average_.emplace(describe(plan, source_, result_), PrimitiveConstants{},
                       std::vector<int>{DNNL_ARG_SRC, DNNL_ARG_DST});
    }
  }

  at::Tensor run(Arguments arguments) const {
    const at::Tensor source = borders_.read(arguments[plan_.source.argument]);
    at::Tensor result = allocate(result_);
    if (average_) {
      average_->run(std::array<const void*, 2>{source.const_data_ptr(), result.data_ptr()});
    } else {
      max_pool(plan_, source, result);
    }
    return borders_.write(std::move(result));
  }

  std::string implementation() const {
    return average_ ? average_->implementation() : "max_pool of int8graph";
  }
  std::string shape() const { return c10::str(c10::IntArrayRef(source_.sizes)); }

 private:
  const PoolPlan& plan_;
  OutputSpec source_, result_;
  ChannelsLastBorders borders_;
  std::optional<PrimitiveRunner> average_;  // nothing for max_pool()
};

}  // namespace

std::unique_ptr<const PrimitiveKernel> make_pool_kernel(PoolPlan plan, std::string name,
                                                        OutputLayout layout) {
  return std::make_unique<CallKernel<PoolPlan, PoolCall>>(std::move(plan), std::move(name), layout);
}

}  // namespace int8graph
