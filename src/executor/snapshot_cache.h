#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

namespace int8graph {

/// What a value was made for: a few integers, compared by value.
using CacheKey = std::span<const int64_t>;

/// A bounded least-recently-used cache for values that are costly to make, read by many threads.
///
/// A look-up that hits takes no lock: readers walk an immutable snapshot of the table. A miss makes
/// the value once, under a mutex, publishes a new snapshot, and waits until no reader is inside the
/// old one before that is freed. A reader is inside for the length of a look-up only (some 20 ns);
/// what it returns is kept alive by its shared_ptr, so an evicted value lives on while it is used.
///
/// Readers sign in at one of two counters, and a writer sends new ones to the other before it
/// waits, so that steady traffic can't keep it waiting. A reader may have looked up the counter
/// before that and sign in after it, so the writer waits for both in turn (as sleepable RCU does).
template <typename Value>
class SnapshotCache {
 public:
  explicit SnapshotCache(size_t capacity) : capacity_(capacity) {}
  ~SnapshotCache() { delete table_.load(); }
  SnapshotCache(const SnapshotCache&) = delete;
  SnapshotCache& operator=(const SnapshotCache&) = delete;

  /// The value of `key`; null if it is not there.
  std::shared_ptr<const Value> find(CacheKey key) const {
    std::atomic<int64_t>& readers = readers_[side_.load(std::memory_order_seq_cst) % 2];
    readers.fetch_add(1, std::memory_order_seq_cst);
    std::shared_ptr<const Value> result;
    if (Slot* slot = table_.load(std::memory_order_seq_cst)->find(key, hash(key))) {
      slot->touch(clock_.load(std::memory_order_relaxed));
      result = slot->value;
    }
    readers.fetch_sub(1, std::memory_order_release);
    return result;
  }

  /// The value of `key`, made by `make()` if it is not there. Threads that miss at the same time
  /// wait for one of them to make it. What `make` throws passes through and leaves no trace.
  template <typename Make>
  std::shared_ptr<const Value> find_or_make(CacheKey key, const Make& make) {
    if (auto found = find(key)) return found;
    const std::lock_guard lock(mutex_);
    if (auto found = find(key)) return found;
    std::shared_ptr<const Value> value = make();
    insert(key, value);
    return value;
  }

  size_t size() const {
    const std::lock_guard lock(mutex_);
    return table_.load()->slots.size();
  }

 private:
  struct Slot {
    Slot(uint64_t h, CacheKey k, std::shared_ptr<const Value> v, uint64_t now)
        : key_hash(h), key(k.begin(), k.end()), value(std::move(v)), last_use(now) {}

    // Recency is counted in misses, so that hits of one epoch share a cache line unwritten.
    void touch(uint64_t now) {
      if (last_use.load(std::memory_order_relaxed) != now) {
        last_use.store(now, std::memory_order_relaxed);
      }
    }

    const uint64_t key_hash;
    const std::vector<int64_t> key;
    const std::shared_ptr<const Value> value;
    std::atomic<uint64_t> last_use;
  };

  struct Table {
    Slot* find(CacheKey key, uint64_t key_hash) const {
      for (const auto& slot : slots) {
        if (slot->key_hash == key_hash && std::ranges::equal(slot->key, key)) return slot.get();
      }
      return nullptr;
    }

    std::vector<std::shared_ptr<Slot>> slots;
  };

  static uint64_t hash(CacheKey key) {
    uint64_t h = 0x9E3779B97F4A7C15U;
    for (const int64_t k : key) {
      h = (h ^ static_cast<uint64_t>(k)) * 0xBF58476D1CE4E5B9U;
      h ^= h >> 29U;
    }
    return h;
  }

  void insert(CacheKey key, std::shared_ptr<const Value> value) {
    const uint64_t now = clock_.fetch_add(1, std::memory_order_relaxed) + 1;
    const Table* old = table_.load();
    auto next = std::make_unique<Table>(*old);
    auto& slots = next->slots;
    if (slots.size() >= capacity_) {
      const auto by_use = [](const auto& a, const auto& b) { return a->last_use < b->last_use; };
      slots.erase(std::ranges::min_element(slots, by_use));
    }
    slots.push_back(std::make_shared<Slot>(hash(key), key, std::move(value), now));
    table_.store(next.release(), std::memory_order_seq_cst);
    // Whoever enters from here on sees the new table; wait for those who may hold the old one.
    for (int turn = 0; turn < 2; ++turn) {
      const std::atomic<int64_t>& readers = readers_[side_.fetch_add(1) % 2];
      while (readers.load(std::memory_order_seq_cst) != 0) std::this_thread::yield();
    }
    delete old;
  }

  const size_t capacity_;
  std::atomic<const Table*> table_{new Table()};
  mutable std::array<std::atomic<int64_t>, 2> readers_{};
  std::atomic<uint64_t> side_{0};
  std::atomic<uint64_t> clock_{0};
  mutable std::mutex mutex_;
};

}  // namespace int8graph
