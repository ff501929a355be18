#include "executor/packed_weight.h"

#include <c10/core/CPUAllocator.h>

#include <mutex>

#include "executor/constant_memory.h"
#include "executor/onednn_runtime.h"

namespace int8graph {

using dnnl::memory;

namespace {

constexpr int64_t kWorthIt = 1024;  // bytes
constexpr int64_t kSamples = 512;
constexpr int64_t kStep = 7919;  // a prime: the samples lie in all rows and columns
constexpr int64_t kProofs = 16;

/// Where a layout of oneDNN has its elements: outer blocks by their strides, and inside them the
/// inner blocks from the last to the first (oneDNN's "understanding memory formats").
class Places {
 public:
  explicit Places(const memory::desc& layout)
      : strides_(layout.get_strides()),
        blocks_(layout.get_inner_blks()),
        blocked_dimensions_(layout.get_inner_idxs()) {}

  int64_t of(const memory::dims& position) {
    remaining_ = position;
    int64_t offset = 0;
    int64_t size = 1;
    for (size_t b = blocks_.size(); b-- > 0;) {
      int64_t& along = remaining_[static_cast<size_t>(blocked_dimensions_[b])];
      offset += along % blocks_[b] * size;
      along /= blocks_[b];
      size *= blocks_[b];
    }
    for (size_t d = 0; d < strides_.size(); ++d) offset += remaining_[d] * strides_[d];
    return offset;
  }

 private:
  const memory::dims strides_, blocks_, blocked_dimensions_;
  memory::dims remaining_;  // of the position, in blocks; kept for its memory
};

/// Steps to the next position of a tensor of these sizes; false behind the last.
bool advance(memory::dims& position, const memory::dims& sizes) {
  for (size_t d = sizes.size(); d-- > 0;) {
    if (++position[d] < sizes[d]) return true;
    position[d] = 0;
  }
  return false;
}

/// A matrix [K, N] that lies as [N, K], which is how aten::linear has it.
bool is_transposed(const memory::desc& plain) {
  const memory::dims strides = plain.get_strides();
  return strides.size() == 2 && strides[0] == 1 && strides[1] > 1;
}

memory::desc row_major(const memory::desc& matrix) {
  return {matrix.get_dims(), matrix.get_data_type(), memory::format_tag::ab};
}

memory copied(memory from, const memory::desc& layout) {
  memory to(layout, onednn_engine());
  dnnl::reorder(from, to).execute(onednn_stream(), from, to);
  return to;
}

}  // namespace

// For VNNI, oneDNN 3.2 packs a matrix of rows by vectors (brgemm_matmul_copy_reorder_t), but one of
// columns number by number. To turn it first takes a twentieth of the instructions of that.
PackedWeight::PackedWeight(at::Tensor weight, memory::desc plain, const memory::desc& layout)
    : weight_(std::move(weight)),
      plain_(std::move(plain)),
      memory_(allocate_constant(layout.get_size())),
      packed_(layout, onednn_engine(), memory_.get()) {
  memory from(plain_, onednn_engine(), weight_.data_ptr());
  if (is_transposed(plain_) && !layout.get_inner_blks().empty()) {
    from = copied(from, row_major(plain_));
  }
  dnnl::reorder(from, packed_).execute(onednn_stream(), from, packed_);
}

void PackedWeight::give_back() const {
  const std::lock_guard lock(mutex_);
  if (weight_.storage().data() == nullptr) return;  // done before, for another size
  if (weight_.numel() < kWorthIt || !can_be_read_back()) return;
  weight_.storage().set_data_ptr_noswap(at::DataPtr(nullptr, c10::kCPU));
}

bool PackedWeight::can_be_read_back() const {
  const memory::desc layout = packed_.get_desc();
  if (layout.get_format_kind() != memory::format_kind::blocked || weight_.storage_offset() != 0 ||
      !weight_.is_non_overlapping_and_dense()) {
    return false;
  }
  // A layout may hold other numbers than its description tells: oneDNN halves those that s8
  // convolutions multiply on CPUs without VNNI. Those run in fp32 (executor/cpu_limits.h), but a
  // look at some numbers costs little. Zeros prove nothing.
  const auto* plain = static_cast<const int8_t*>(weight_.data_ptr());
  const auto* packed = static_cast<const int8_t*>(packed_.get_data_handle());
  const memory::dims sizes = plain_.get_dims();
  Places in_plain(plain_), in_packed(layout);
  int64_t proofs = 0;
  for (int64_t sample = 0; sample < kSamples; ++sample) {
    int64_t index = sample * kStep % weight_.numel();
    memory::dims position(sizes.size());
    for (size_t d = sizes.size(); d-- > 0; index /= sizes[d]) position[d] = index % sizes[d];
    const int8_t number = plain[in_plain.of(position)];
    if (number != packed[in_packed.of(position)]) return false;
    proofs += number != 0;
  }
  return proofs >= kProofs;
}

void PackedWeight::restore() const {
  const std::lock_guard lock(mutex_);
  if (weight_.storage().data() != nullptr) return;
  at::DataPtr data = c10::GetCPUAllocator()->allocate(weight_.storage().nbytes());
  auto* plain = static_cast<int8_t*>(data.get());
  const auto* packed = static_cast<const int8_t*>(packed_.get_data_handle());
  const memory::dims sizes = plain_.get_dims();
  Places in_plain(plain_), in_packed(packed_.get_desc());
  memory::dims position(sizes.size(), 0);
  do {
    plain[in_plain.of(position)] = packed[in_packed.of(position)];
  } while (advance(position, sizes));
  weight_.storage().set_data_ptr_noswap(std::move(data));
}

}  // namespace int8graph
