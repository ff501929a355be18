#include "executor/relayout.h"

#include <array>

#include "executor/onednn_runtime.h"

namespace int8graph {

using dnnl::memory;

namespace {

OutputSpec with_strides(OutputSpec spec, std::vector<int64_t> strides) {
  spec.strides = std::move(strides);
  return spec;
}

dnnl::reorder::primitive_desc describe(const OutputSpec& from, const OutputSpec& to) {
  return {onednn_engine(), desc_of(from), onednn_engine(), desc_of(to), plain_attributes()};
}

}  // namespace

Relayout::Relayout(const OutputSpec& from, std::vector<int64_t> strides)
    : to_(with_strides(from, std::move(strides))),
      reorder_(describe(from, to_), {}, {DNNL_ARG_FROM, DNNL_ARG_TO}) {}

at::Tensor Relayout::run(const at::Tensor& tensor) const {
  at::Tensor result = allocate(to_);
  reorder_.run(std::array<const void*, 2>{tensor.const_data_ptr(), result.data_ptr()});
  return result;
}

OutputSpec spec_of(const at::Tensor& tensor) {
  return {tensor.sizes().vec(), tensor.strides().vec(), tensor.scalar_type(),
          tensor.is_quantized() ? tensor.quantizer() : nullptr};
}

OutputSpec channels_last(OutputSpec spec) {
  spec.strides = channels_last_strides(spec.sizes);
  return spec;
}

memory::desc desc_of(const OutputSpec& spec) {
  return {spec.sizes, onednn_dtype(spec.dtype), spec.strides};
}

std::optional<Relayout> relayout_to(const OutputSpec& from, std::vector<int64_t> strides) {
  if (lies_in(from, strides)) return {};
  return Relayout(from, std::move(strides));
}

ChannelsLastBorders::ChannelsLastBorders(const OutputSpec& source, const OutputSpec& result,
                                         OutputLayout layout)
    : read_(relayout_to(source, channels_last_strides(source.sizes))) {
  if (layout == OutputLayout::Contiguous) {
    write_ = relayout_to(result, dense_strides(result.sizes));
  }
}

bool lies_in(const OutputSpec& spec, c10::IntArrayRef strides) {
  for (size_t d = 0; d < spec.sizes.size(); ++d) {
    if (spec.sizes[d] != 1 && spec.strides[d] != strides[d]) return false;
  }
  return true;
}

}  // namespace int8graph
