#pragma once

#include <atomic>
#include <cstdint>

namespace int8graph {

/// Tells whether the lengths that calls come with vary. The first ones don't yet; once others have
/// come, they do until one pair comes many times in a row: a model may be warmed up with a length,
/// and then used with another one for good. Shared by threads, which may tell it of calls in any
/// order.
class LengthVariation {
 public:
  /// @param first, second of the current call: one length, or a pair of them, below 2^31
  bool notice(int64_t first, int64_t second = 0) {
    const int64_t lengths = (first << 32) | second;
    const int64_t last = last_.load(std::memory_order_relaxed);
    if (last != lengths) {
      last_.store(lengths, std::memory_order_relaxed);
      if (last == kNone) return false;
      repeats_.store(0, std::memory_order_relaxed);
      return true;
    }
    const int repeats = repeats_.load(std::memory_order_relaxed);
    if (repeats == kMany) return false;
    repeats_.store(repeats + 1, std::memory_order_relaxed);
    return true;
  }

 private:
  static constexpr int64_t kNone = -1;
  static constexpr int kMany = 16;

  std::atomic<int64_t> last_{kNone};
  std::atomic<int> repeats_{kMany};
};

}  // namespace int8graph
