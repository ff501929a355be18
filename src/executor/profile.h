#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "int8graph/export.h"

namespace int8graph {

/// What the calls of one partition took since start_profile(), all in nanoseconds.
struct PartitionTimes {
  std::string name;        ///< its operators, joined by '+'
  int64_t calls = 0;       ///< from all threads
  int64_t total = 0;       ///< from the interpreter's call to its return
  int64_t in_kernels = 0;  ///< of that, oneDNN's and our own; 0 where it ran unfused
};

/// Partitions of all modules and threads are timed from here on; earlier times are forgotten. While
/// no profile is on, a partition's call pays a relaxed load, and one for each kernel that it runs.
/// Exported for the program int8graph.
INT8GRAPH_API void start_profile();

/// Ends timing and returns what was seen, in the order of first calls: for a graph without
/// branches, the order in which its partitions stand there.
INT8GRAPH_API std::vector<PartitionTimes> stop_profile();

extern std::atomic<bool> profile_is_on;

/// Times one partition's call from construction to destruction. What stands within another timer
/// of the same thread belongs to that call.
class PartitionTimer {
 public:
  /// @param partition the identity of the partition; `name` must outlive the timer.
  PartitionTimer(const void* partition, const std::string& name) {
    if (profile_is_on.load(std::memory_order_relaxed)) start(partition, name);
  }
  ~PartitionTimer() {
    if (partition_ != nullptr) finish();
  }
  PartitionTimer(const PartitionTimer&) = delete;
  PartitionTimer& operator=(const PartitionTimer&) = delete;

 private:
  void start(const void* partition, const std::string& name);
  void finish();

  const void* partition_ = nullptr;
  const std::string* name_ = nullptr;
  std::chrono::steady_clock::time_point start_;
};

/// Times what a partition's call spends inside kernels; stands within a PartitionTimer.
class KernelTimer {
 public:
  KernelTimer() : is_on_(profile_is_on.load(std::memory_order_relaxed)) {
    if (is_on_) start_ = std::chrono::steady_clock::now();
  }
  ~KernelTimer() {
    if (is_on_) finish();
  }
  KernelTimer(const KernelTimer&) = delete;
  KernelTimer& operator=(const KernelTimer&) = delete;

 private:
  void finish();

  const bool is_on_;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace int8graph
