#include "executor/packed_weight.h"

#include <c10/core/CPUAllocator.h>

#include <algorithm>
#include <mutex>

#include "executor/onednn_runtime.h"

namespace int8graph {

using dnnl::memory;

namespace {

constexpr int64_t kSamples = 64;

/// Where oneDNN's blocked layouts have the element at `position`: outer blocks by their strides,
/// and inside them the inner blocks from the last to the first (oneDNN's "understanding memory
/// formats").
int64_t offset_in(const memory::desc& layout, memory::dims position) {
  const memory::dims blocks = layout.get_inner_blks();
  const memory::dims dimensions = layout.get_inner_idxs();
  int64_t offset = 0;
  int64_t size = 1;
  for (size_t b = blocks.size(); b-- > 0;) {
    int64_t& along = position[static_cast<size_t>(dimensions[b])];
    offset += along % blocks[b] * size;
    along /= blocks[b];
    size *= blocks[b];
  }
  const memory::dims strides = layout.get_strides();
  for (size_t d = 0; d < position.size(); ++d) offset += position[d] * strides[d];
  return offset;
}

/// Steps to the next position of a tensor of these sizes; false behind the last.
bool advance(memory::dims& position, const memory::dims& sizes) {
  for (size_t d = sizes.size(); d-- > 0;) {
    if (++position[d] < sizes[d]) return true;
    position[d] = 0;
  }
  return false;
}

}  // namespace

PackedWeight::PackedWeight(at::Tensor weight, memory::desc plain, const memory::desc& layout,
                           Weights ownership)
    : weight_(std::move(weight)), plain_(std::move(plain)), packed_(layout, onednn_engine()) {
  memory from(plain_, onednn_engine(), weight_.data_ptr());
  dnnl::reorder(from, packed_).execute(onednn_stream(), from, packed_);
  if (ownership == Weights::Owned && can_be_read_back()) {
    weight_.storage().set_data_ptr_noswap(at::DataPtr(nullptr, c10::kCPU));
  }
}

bool PackedWeight::can_be_read_back() const {
  const memory::desc layout = packed_.get_desc();
  if (layout.get_format_kind() != memory::format_kind::blocked || weight_.storage_offset() != 0 ||
      !weight_.is_non_overlapping_and_dense()) {
    return false;
  }
  // A layout may hold more than its description tells, such as halved numbers.
  const auto* plain = static_cast<const int8_t*>(weight_.data_ptr());
  const auto* packed = static_cast<const int8_t*>(packed_.get_data_handle());
  const memory::dims sizes = plain_.get_dims();
  for (int64_t sample = 0; sample < kSamples; ++sample) {
    memory::dims position;
    for (const int64_t size : sizes) position.push_back(sample * (size - 1) / (kSamples - 1));
    if (plain[offset_in(plain_, position)] != packed[offset_in(layout, position)]) return false;
  }
  return true;
}

void PackedWeight::restore() const {
  const std::lock_guard lock(mutex_);
  if (weight_.storage().data() != nullptr) return;
  at::DataPtr data = c10::GetCPUAllocator()->allocate(weight_.storage().nbytes());
  auto* plain = static_cast<int8_t*>(data.get());
  const auto* packed = static_cast<const int8_t*>(packed_.get_data_handle());
  const memory::desc layout = packed_.get_desc();
  memory::dims position(plain_.get_dims().size(), 0);
  do {
    plain[offset_in(plain_, position)] = packed[offset_in(layout, position)];
  } while (advance(position, plain_.get_dims()));
  weight_.storage().set_data_ptr_noswap(std::move(data));
}

}  // namespace int8graph
