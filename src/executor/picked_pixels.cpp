#include "executor/picked_pixels.h"

#include <ATen/Parallel.h>

#include <cstring>

#include "executor/parallel.h"
#include "executor/profile.h"

namespace int8graph {

PickedPixels::PickedPixels(const OutputSpec& source, c10::IntArrayRef steps)
    : result_(source),
      sizes_{source.sizes[0]},
      bytes_(source.sizes[1] * static_cast<int64_t>(c10::elementSize(source.dtype))) {
  const int64_t item = bytes_ / source.sizes[1];
  strides_ = {source.strides[0] * item};
  for (size_t d = 0; d < steps.size(); ++d) {
    lines_ *= sizes_.back();
    sizes_.push_back(at::divup(source.sizes[d + 2], steps[d]));
    strides_.push_back(source.strides[d + 2] * steps[d] * item);
    result_.sizes[d + 2] = sizes_.back();
  }
  result_.strides = channels_last_strides(result_.sizes);
}

at::Tensor PickedPixels::run(const at::Tensor& source) const {
  const KernelTimer timer;
  at::Tensor result = allocate(result_);
  const auto* const from = static_cast<const char*>(source.const_data_ptr());
  auto* const to = static_cast<char*>(result.data_ptr());
  const int64_t in_line = sizes_.back();
  parallel_for(lines_, in_line * bytes_, [&](int64_t first, int64_t last) {
    for (int64_t line = first; line < last; ++line) {
      const char* pixel = from + offset_of(line);
      char* copy = to + line * in_line * bytes_;
      for (int64_t i = 0; i < in_line; ++i, pixel += strides_.back(), copy += bytes_) {
        std::memcpy(copy, pixel, bytes_);
      }
    }
  });
  return result;
}

int64_t PickedPixels::offset_of(int64_t line) const {
  int64_t offset = 0;
  for (size_t d = sizes_.size() - 1; d-- > 0;) {
    offset += line % sizes_[d] * strides_[d];
    line /= sizes_[d];
  }
  return offset;
}

}  // namespace int8graph
