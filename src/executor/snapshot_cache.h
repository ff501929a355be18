#pragma once

#include <c10/util/SmallVector.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <thread>

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
    return table_.load()->entries.size();
  }

 private:
  struct Slot {
    Slot(CacheKey k, std::shared_ptr<const Value> v, uint64_t now)
        : last_use(now), value(std::move(v)), key(k.begin(), k.end()) {}

    // Recency is counted in misses, so that hits of one epoch share a cache line unwritten.
    void touch(uint64_t now) {
      if (last_use.load(std::memory_order_relaxed) != now) {
        last_use.store(now, std::memory_order_relaxed);
      }
    }

    std::atomic<uint64_t> last_use;
    const std::shared_ptr<const Value> value;
    const c10::SmallVector<int64_t, 16> key;
  };

  struct Entry {
    uint64_t key_hash;
    std::shared_ptr<Slot> slot;
  };

  // A look-up finds the CPU's caches emptied by the kernels since the last one, so it reads few
  // places: keys and the first entries lie where the objects do, hashes beside each other.
  struct Table {
    Slot* find(CacheKey key, uint64_t key_hash) const {
      for (const Entry& entry : entries) {
        if (entry.key_hash == key_hash && std::ranges::equal(entry.slot->key, key)) {
          return entry.slot.get();
        }
      }
      return nullptr;
    }

    c10::SmallVector<Entry, 2> entries;
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
    auto& entries = next->entries;
    if (entries.size() >= capacity_) {
      const auto last_use = [](const Entry& entry) { return entry.slot->last_use.load(); };
      entries.erase(std::ranges::min_element(entries, {}, last_use));
    }
    entries.push_back({hash(key), std::make_shared<Slot>(key, std::move(value), now)});
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
