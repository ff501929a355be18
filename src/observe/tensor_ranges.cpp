#include "observe/tensor_ranges.h"

#include <ATen/ATen.h>
#include <ATen/TracerMode.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/record_function.h>

#include <cmath>
#include <cstddef>
#include <tuple>

namespace int8graph {

namespace {

constexpr double kSmallVectorShare = 0.01;

// What stands between a plain kernel and the state that the user's code has set on this thread.
class PlainDispatch {
 private:
  at::RecordFunctionGuard no_callbacks_{/*is_enabled=*/false};
  at::AutoDispatchBelowADInplaceOrView no_autograd_;
  at::tracer::impl::NoTracerDispatchMode no_tracer_;
  c10::impl::ExcludeDispatchKeyGuard no_modes_{
      c10::DispatchKeySet({c10::DispatchKey::Python, c10::DispatchKey::PythonTLSSnapshot})};
};

// A tensor that holds the same set of values as one dense row. aminmax is 10 times as fast on it
// as on a channels-last tensor.
at::Tensor as_row(at::Tensor tensor) {
  for (int64_t axis = tensor.dim() - 1; axis >= 0; --axis) {
    if (tensor.stride(axis) == 0) tensor = tensor.select(axis, 0);  // expanded: repeats of one
  }
  if (!tensor.is_non_overlapping_and_dense()) tensor = tensor.clone(at::MemoryFormat::Preserve);
  return tensor.as_strided({tensor.numel()}, {1});
}

// A row for each vector along the axis, one after the other on the CPU.
at::Tensor as_vectors(const at::Tensor& tensor, int64_t axis) {
  return tensor.movedim(axis, -1)
      .reshape({-1, tensor.size(axis)})
      .to(at::kCPU, at::kFloat)
      .contiguous();
}

float value_of(const at::Tensor& scalar) {
  return static_cast<float>(scalar.item().to<double>());
}

}  // namespace

std::optional<Range> scan_range(const at::Tensor& tensor) {
  if (tensor.numel() == 0) return std::nullopt;
  const PlainDispatch plain;
  const auto [min, max] = at::aminmax(as_row(tensor));
  return Range{value_of(min), value_of(max)};
}

std::shared_ptr<const ActivationHistogram> scan_histogram(const at::Tensor& tensor, int64_t axis,
                                                          Range range) {
  if (!std::isfinite(range.min) || !std::isfinite(range.max)) return nullptr;
  const PlainDispatch plain;
  const at::Tensor vectors = as_vectors(tensor, axis);
  const at::Tensor energies = at::linalg_vector_norm(vectors, 2, at::IntArrayRef{1}).square();
  const double mean = energies.mean().item<double>();
  if (!std::isfinite(mean)) return nullptr;
  auto histogram = std::make_shared<ActivationHistogram>(range);
  const int64_t length = vectors.size(1);
  for (int64_t i = 0; i < vectors.size(0); ++i) {
    const auto energy = static_cast<double>(energies.const_data_ptr<float>()[i]);
    if (energy == 0.0) continue;  // all zeros
    const float* vector = vectors.const_data_ptr<float>() + i * length;
    histogram->add_row({vector, static_cast<size_t>(length)},
                       1 / (energy + kSmallVectorShare * mean));
  }
  return histogram;
}

std::vector<Range> scan_channel_ranges(const at::Tensor& tensor, int64_t axis) {
  if (tensor.numel() == 0) return {};
  const PlainDispatch plain;
  const at::Tensor rows = tensor.movedim(axis, 0).reshape({tensor.size(axis), -1}).to(at::kFloat);
  // Two passes of amin and amax are vectorized along rows, aminmax's single one is not.
  const at::Tensor min = at::amin(rows, 1).cpu();
  const at::Tensor max = at::amax(rows, 1).cpu();
  std::vector<Range> ranges;
  ranges.reserve(static_cast<size_t>(min.numel()));
  for (int64_t i = 0; i < min.numel(); ++i) {
    ranges.push_back({min.const_data_ptr<float>()[i], max.const_data_ptr<float>()[i]});
  }
  return ranges;
}

}  // namespace int8graph
