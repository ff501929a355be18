#include "executor/profile.h"

#include <mutex>
#include <unordered_map>
#include <utility>

namespace int8graph {

std::atomic<bool> profile_is_on{false};

namespace {

using Clock = std::chrono::steady_clock;

struct Recorder {
  std::mutex mutex;
  std::vector<PartitionTimes> rows;
  std::unordered_map<const void*, size_t> row_of;
};

Recorder& recorder() {
  static Recorder instance;
  return instance;
}

/// Whether this thread is in a partition's call. A partition may run others, its parts.
thread_local bool is_timed = false;

/// What that call has spent inside kernels so far.
thread_local int64_t kernel_time = 0;

int64_t nanoseconds_since(Clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start).count();
}

}  // namespace

void start_profile() {
  Recorder& record = recorder();
  const std::lock_guard lock(record.mutex);
  record.rows.clear();
  record.row_of.clear();
  profile_is_on.store(true, std::memory_order_relaxed);
}

std::vector<PartitionTimes> stop_profile() {
  profile_is_on.store(false, std::memory_order_relaxed);
  Recorder& record = recorder();
  const std::lock_guard lock(record.mutex);
  record.row_of.clear();
  return std::exchange(record.rows, {});
}

void PartitionTimer::start(const void* partition, const std::string& name) {
  if (is_timed) return;
  is_timed = true;
  partition_ = partition;
  name_ = &name;
  kernel_time = 0;
  start_ = Clock::now();
}

void PartitionTimer::finish() {
  const int64_t total = nanoseconds_since(start_);
  is_timed = false;
  Recorder& record = recorder();
  const std::lock_guard lock(record.mutex);
  const auto [known, is_new] = record.row_of.emplace(partition_, record.rows.size());
  if (is_new) record.rows.push_back({.name = *name_});
  PartitionTimes& row = record.rows[known->second];
  ++row.calls;
  row.total += total;
  row.in_kernels += kernel_time;
}

void KernelTimer::finish() {
  kernel_time += nanoseconds_since(start_);
}

}  // namespace int8graph
