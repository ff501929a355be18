#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "int8graph/quant_conf.h"

namespace int8graph {

/// One output of one recorded operator call.
struct CallOutput {
  size_t call;    ///< position among the recorded calls of the scope
  size_t output;  ///< position among its outputs

  bool operator==(const CallOutput&) const = default;
};

/// What calibration knows of a tensor's present content.
struct TrackedValue {
  /// The recorded output that it is, or of which it is a view or a copy.
  std::optional<CallOutput> flow{};
  /// The earliest of those recorded calls that it was computed from most directly, through whatever
  /// unrecorded operators. Nothing for parameters and for the model's inputs.
  std::optional<size_t> origin{};
  /// Its extremes, once they were scanned.
  std::optional<Range> range{};
  /// Whether zeros were put around the flow's output since.
  bool is_padded = false;
};

/// Remembers values by tensor, across views and in-place operators, without keeping any tensor's
/// memory. Tensors are told apart by weak pointers, so that the address of one that is gone never
/// stands for another one; writes are counted by storage, since a tensor made in inference mode has
/// no version counter.
class ValueTracker {
 public:
  /// What is known of the tensor; empty if nothing is. When its memory was written through another
  /// tensor, the value of a write to the very same elements is taken over; after writes to some of
  /// its elements it keeps its flow and loses its range.
  TrackedValue find(const at::Tensor& tensor);

  /// Replaces what is known of it. `tensor` was computed or is a view: its memory did not change.
  void set(const at::Tensor& tensor, TrackedValue value);

  /// The same after the memory of `tensor` was written through it.
  void set_written(const at::Tensor& tensor, TrackedValue value);

  /// Fills in the range of what is known of it.
  void set_range(const at::Tensor& tensor, const std::optional<Range>& range);

  /// The extremes of each channel of a weight; scanned once as long as nobody writes to it.
  std::shared_ptr<const std::vector<Range>> channel_ranges(const at::Tensor& weight, int64_t axis);

  /// How an activation's values are distributed, see scan_histogram(); scanned once as long as
  /// nobody writes to it, since several layers may read it.
  std::shared_ptr<const ActivationHistogram> histogram(const at::Tensor& tensor, int64_t axis,
                                                       Range range);

 private:
  using WeakTensor = c10::weak_intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>;
  using WeakStorage = c10::weak_intrusive_ptr<c10::StorageImpl>;

  // Some elements of a storage; equal regions hold the same values.
  struct Region {
    int64_t offset;
    int64_t numel;
    bool dense;  // without gaps and repeats; otherwise nothing is known about equality

    bool same_as(const Region& other) const {
      return dense && other.dense && offset == other.offset && numel == other.numel;
    }
  };

  struct Slot {
    WeakTensor tensor;
    TrackedValue value;
    uint64_t writes;  // of its storage, when `value` was known to be right
  };

  struct Storage {
    WeakStorage storage;
    uint64_t writes = 0;
    Region last_region{};
    TrackedValue last_value{};
    std::optional<size_t> origin{};  // the earliest of all values written
  };

  // What was found along one axis of a tensor.
  template <typename Found>
  struct Scan {
    WeakTensor tensor;
    int64_t axis;
    uint64_t writes;
    std::shared_ptr<const Found> found;
  };

  template <typename Found>
  using Scans = std::unordered_map<const c10::TensorImpl*, Scan<Found>>;

  static Region region_of(const at::Tensor& tensor);
  uint64_t writes_to(const at::Tensor& tensor) const;
  template <typename Found, typename Scanner>
  std::shared_ptr<const Found> scan_once(Scans<Found>& scans, const at::Tensor& tensor,
                                         int64_t axis, const Scanner& scan);
  void drop_dead_slots();

  std::unordered_map<const c10::TensorImpl*, Slot> slots_;
  std::unordered_map<const c10::StorageImpl*, Storage> storages_;  // those that were written to
  Scans<std::vector<Range>> weights_;
  Scans<ActivationHistogram> histograms_;
  size_t next_cleaning_ = 1024;
};

}  // namespace int8graph
