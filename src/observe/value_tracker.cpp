#include "observe/value_tracker.h"

#include <algorithm>
#include <utility>

#include "observe/tensor_ranges.h"

namespace int8graph {

namespace {

const c10::StorageImpl* storage_of(const at::Tensor& tensor) {
  return tensor.has_storage() ? tensor.storage().unsafeGetStorageImpl() : nullptr;
}

std::optional<size_t> earlier(std::optional<size_t> a, std::optional<size_t> b) {
  if (!a.has_value() || !b.has_value()) return a.has_value() ? a : b;
  return std::min(*a, *b);
}

}  // namespace

ValueTracker::Region ValueTracker::region_of(const at::Tensor& tensor) {
  if (tensor.layout() != at::kStrided) return {0, 0, false};
  return {tensor.storage_offset(), tensor.numel(), tensor.is_non_overlapping_and_dense()};
}

uint64_t ValueTracker::writes_to(const at::Tensor& tensor) const {
  const auto found = storages_.find(storage_of(tensor));
  return found == storages_.end() ? 0 : found->second.writes;
}

TrackedValue ValueTracker::find(const at::Tensor& tensor) {
  const auto slot = slots_.find(tensor.unsafeGetTensorImpl());
  const auto storage = storages_.find(storage_of(tensor));
  TrackedValue value = slot == slots_.end() ? TrackedValue{} : slot->second.value;
  if (storage == storages_.end()) return value;
  const Storage& written = storage->second;
  if (slot != slots_.end() && slot->second.writes == written.writes) return value;
  if (written.last_region.same_as(region_of(tensor))) {
    value = written.last_value;
  } else {
    value.range.reset();
    value.origin = earlier(value.origin, written.origin);
  }
  set(tensor, value);
  return value;
}

void ValueTracker::set(const at::Tensor& tensor, TrackedValue value) {
  drop_dead_slots();
  const uint64_t writes = writes_to(tensor);
  const auto [slot, is_new] = slots_.try_emplace(
      tensor.unsafeGetTensorImpl(), Slot{WeakTensor(tensor.getIntrusivePtr()), value, writes});
  if (is_new) return;
  slot->second.value = std::move(value);
  slot->second.writes = writes;
}

void ValueTracker::set_written(const at::Tensor& tensor, TrackedValue value) {
  if (const c10::StorageImpl* key = storage_of(tensor); key != nullptr) {
    auto storage = storages_.find(key);
    if (storage == storages_.end()) {
      storage =
          storages_.emplace(key, Storage{.storage = tensor.storage().getWeakStorageImpl()}).first;
    }
    ++storage->second.writes;
    storage->second.last_region = region_of(tensor);
    storage->second.last_value = value;
    storage->second.origin = earlier(storage->second.origin, value.origin);
  }
  set(tensor, std::move(value));
}

void ValueTracker::set_range(const at::Tensor& tensor, const std::optional<Range>& range) {
  TrackedValue value = find(tensor);
  value.range = range;
  set(tensor, std::move(value));
}

template <typename Found, typename Scanner>
std::shared_ptr<const Found> ValueTracker::scan_once(Scans<Found>& scans, const at::Tensor& tensor,
                                                     int64_t axis, const Scanner& scan) {
  const uint64_t writes = writes_to(tensor);
  const auto known = scans.find(tensor.unsafeGetTensorImpl());
  if (known != scans.end() && known->second.axis == axis && known->second.writes == writes) {
    return known->second.found;
  }
  std::shared_ptr<const Found> found = scan();
  scans.insert_or_assign(tensor.unsafeGetTensorImpl(),
                         Scan<Found>{WeakTensor(tensor.getIntrusivePtr()), axis, writes, found});
  return found;
}

std::shared_ptr<const std::vector<Range>> ValueTracker::channel_ranges(const at::Tensor& weight,
                                                                       int64_t axis) {
  return scan_once(weights_, weight, axis, [&] {
    return std::make_shared<const std::vector<Range>>(scan_channel_ranges(weight, axis));
  });
}

std::shared_ptr<const ActivationHistogram> ValueTracker::histogram(const at::Tensor& tensor,
                                                                   int64_t axis, Range range) {
  return scan_once(histograms_, tensor, axis, [&] { return scan_histogram(tensor, axis, range); });
}

void ValueTracker::drop_dead_slots() {
  if (slots_.size() < next_cleaning_) return;
  std::erase_if(slots_, [](const auto& item) { return item.second.tensor.expired(); });
  std::erase_if(storages_, [](const auto& item) { return item.second.storage.expired(); });
  std::erase_if(weights_, [](const auto& item) { return item.second.tensor.expired(); });
  std::erase_if(histograms_, [](const auto& item) { return item.second.tensor.expired(); });
  next_cleaning_ = std::max<size_t>(1024, 2 * slots_.size());
}

}  // namespace int8graph
