#include "executor/pool_kernel.h"

#include <stdexcept>

#include "executor/call_kernel.h"
#include "executor/onednn_runtime.h"
#include "executor/primitive_call.h"
#include "executor/relayout.h"
#include "executor/tensor_bridge.h"

namespace int8graph {

using dnnl::memory;

namespace {

using Arguments = std::span<const at::Tensor>;

/// @throws std::invalid_argument if the source does not fit the pool
OutputSpec result_spec(const PoolPlan& plan, const at::Tensor& source) {
  auto sizes = plan.result_sizes(source.sizes());
  if (!sizes) throw std::invalid_argument("the pool does not fit its source");
  std::vector<int64_t> strides = channels_last_strides(*sizes);
  return {std::move(*sizes), std::move(strides), plan.quantizer->scalar_type(), plan.quantizer};
}

/// oneDNN counts from 0.
memory::dims onednn_dilations(const PoolPlan& plan) {
  memory::dims dilations;
  for (const int64_t dilation : plan.dilations) dilations.push_back(dilation - 1);
  return dilations;
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

/// A plan's pool for a source of one form. Immutable; run by many threads.
class PoolCall {
 public:
  PoolCall(const PoolPlan& plan, Arguments arguments, OutputLayout layout)
      : argument_(plan.source.argument),
        result_(result_spec(plan, arguments[argument_])),
        source_(desc_of(channels_last(spec_of(arguments[argument_])))),
        destination_(desc_of(result_)),
        description_(onednn_engine(), dnnl::prop_kind::forward_inference, plan.algorithm, source_,
                     destination_, plan.strides, plan.kernel, onednn_dilations(plan), plan.pads,
                     pads_at_the_end(plan, source_.get_dims(), result_.sizes), plain_attributes()),
        primitive_(description_),
        scratchpad_(description_.scratchpad_desc()) {
    const OutputSpec spec = spec_of(arguments[argument_]);
    read_source_ = relayout_to(spec, channels_last_strides(spec.sizes));
    if (layout == OutputLayout::Contiguous) {
      write_result_ = relayout_to(result_, dense_strides(result_.sizes));
    }
  }

  at::Tensor run(Arguments arguments) const {
    const at::Tensor& source = arguments[argument_];
    const at::Tensor read = read_source_ ? read_source_->run(source) : source;
    at::Tensor result = allocate(result_);
    PrimitiveCall call;
    call.add(DNNL_ARG_SRC, source_, read.const_data_ptr());
    call.add(DNNL_ARG_DST, destination_, result.data_ptr());
    call.run(primitive_, scratchpad_);
    return write_result_ ? write_result_->run(result) : result;
  }

  std::string implementation() const { return description_.impl_info_str(); }
  std::string shape() const { return c10::str(c10::IntArrayRef(source_.get_dims())); }

 private:
  size_t argument_;
  OutputSpec result_;
  memory::desc source_, destination_;
  dnnl::pooling_forward::primitive_desc description_;
  dnnl::pooling_forward primitive_;
  memory::desc scratchpad_;
  std::optional<Relayout> read_source_, write_result_;
};

}  // namespace

std::unique_ptr<const PrimitiveKernel> make_pool_kernel(PoolPlan plan, std::string name,
                                                        OutputLayout layout) {
  return std::make_unique<CallKernel<PoolPlan, PoolCall>>(std::move(plan), std::move(name), layout);
}

}  // namespace int8graph
