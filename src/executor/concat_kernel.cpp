#include "executor/concat_kernel.h"

#include <c10/util/SmallVector.h>

#include <algorithm>
#include <stdexcept>

#include "executor/call_kernel.h"
#include "executor/onednn_runtime.h"
#include "executor/primitive_runner.h"
#include "executor/relayout.h"
#include "executor/tensor_bridge.h"

namespace int8graph {

using dnnl::memory;

namespace {

using Arguments = std::span<const at::Tensor>;

/// As the largest of the tensors lies, which saves most copies; dense in doubt, as where dimensions
/// of size 1 let it lie in both ways: [1, tokens, 1, channels], say.
bool lies_channels_last(const ConcatPlan& plan, Arguments arguments) {
  const size_t largest = *std::ranges::max_element(
      plan.arguments, {}, [&](size_t argument) { return arguments[argument].numel(); });
  const OutputSpec spec = spec_of(arguments[largest]);
  return spec.sizes.size() > 2 && lies_in(spec, channels_last_strides(spec.sizes)) &&
         !lies_in(spec, dense_strides(spec.sizes));
}

/// @throws std::invalid_argument if the arguments do not fit each other
std::vector<int64_t> joined_sizes(const ConcatPlan& plan, Arguments arguments, int64_t axis) {
  std::vector<int64_t> sizes = arguments[plan.arguments[0]].sizes().vec();
  for (size_t i = 1; i < plan.arguments.size(); ++i) {
    const c10::IntArrayRef others = arguments[plan.arguments[i]].sizes();
    for (size_t d = 0; d < sizes.size(); ++d) {
      const bool joins = static_cast<int64_t>(d) == axis;
      if (others.size() != sizes.size() || (!joins && others[d] != sizes[d])) {
        throw std::invalid_argument("the tensors differ in another dimension than the joined one");
      }
    }
    sizes[static_cast<size_t>(axis)] += others[static_cast<size_t>(axis)];
  }
  return sizes;
}

int64_t axis_of(const ConcatPlan& plan, Arguments arguments) {
  const int64_t rank = arguments[plan.arguments[0]].dim();
  const int64_t axis = plan.axis < 0 ? plan.axis + rank : plan.axis;
  if (axis < 0 || axis >= rank) {
    throw std::invalid_argument("the tensors lack the joined dimension");
  }
  return axis;
}

/// A plan's join for arguments of one form. Immutable; run by many threads.
class ConcatCall {
 public:
  ConcatCall(const ConcatPlan& plan, Arguments arguments, OutputLayout layout)
      : channels_last_(layout != OutputLayout::Contiguous && lies_channels_last(plan, arguments)) {
    const int64_t axis = axis_of(plan, arguments);
    const auto sizes = joined_sizes(plan, arguments, axis);
    result_ = {sizes, strides_of(sizes), plan.quantizer->scalar_type(), plan.quantizer};
    std::vector<memory::desc> sources;
    std::vector<int> places;
    for (const size_t argument : plan.arguments) {
      const OutputSpec spec = spec_of(arguments[argument]);
      const auto strides = strides_of(spec.sizes);
      sources.emplace_back(spec.sizes, onednn_dtype(spec.dtype), strides);
      places.push_back(DNNL_ARG_MULTIPLE_SRC + static_cast<int>(places.size()));
      operands_.push_back({argument, relayout_to(spec, strides)});
    }
    places.push_back(DNNL_ARG_DST);
    const dnnl::concat::primitive_desc description(
        onednn_engine(), desc_of(result_), static_cast<int>(axis), sources, plain_attributes());
    concat_.emplace(description, PrimitiveConstants(), std::move(places));
  }

  at::Tensor run(Arguments arguments) const {
    c10::SmallVector<const void*, 8> data;
    c10::SmallVector<at::Tensor, 4> copies;
    for (const Operand& operand : operands_) {
      const at::Tensor* source = &arguments[operand.argument];
      if (operand.read) {
        copies.push_back(operand.read->run(*source));
        source = &copies.back();
      }
      data.push_back(source->const_data_ptr());
    }
    at::Tensor result = allocate(result_);
    data.push_back(result.data_ptr());
    concat_->run({data.data(), data.size()});
    return result;
  }

  std::string implementation() const { return concat_->implementation(); }
  std::string shape() const { return c10::str(c10::IntArrayRef(result_.sizes)); }

 private:
  struct Operand {
    size_t argument;
    std::optional<Relayout> read;  ///< where the argument lies in another way
  };

  std::vector<int64_t> strides_of(c10::IntArrayRef sizes) const {
    return channels_last_ ? channels_last_strides(sizes) : dense_strides(sizes);
  }

  bool channels_last_;
  OutputSpec result_;
  std::vector<Operand> operands_;
  std::optional<PrimitiveRunner> concat_;
};

}  // namespace

std::unique_ptr<const PrimitiveKernel> make_concat_kernel(ConcatPlan plan, std::string name,
                                                          OutputLayout layout) {
  return std::make_unique<CallKernel<ConcatPlan, ConcatCall>>(std::move(plan), std::move(name),
                                                              layout);
}

}  // namespace int8graph
