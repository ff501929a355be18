#include "executor/result_memory.h"

#include <c10/core/CPUAllocator.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

namespace int8graph {

namespace {

/// Blocks lie one behind the other. The thread that owns the arena divides and joins them; others
/// only say that one is free, so nobody waits for anybody.
class Arena {
 public:
  static constexpr size_t kSize = size_t{32} << 20;

  /// What its thread does at its end.
  struct Leave {
    void operator()(Arena* arena) const { arena->leave(); }
  };

  Arena() : memory_(c10::GetCPUAllocator()->allocate(kSize)) {
    for (Block& block : blocks_) give_back(&block);
    first_ = take_spare();
    first_->begin = static_cast<char*>(memory_.get());
    first_->size = kSize;
  }

  /// Null memory if there is no room.
  c10::DataPtr allocate(size_t bytes) {
    for (Block* block = first_; block != nullptr; block = block->next) {
      if (!block->is_free.load(std::memory_order_acquire)) continue;
      join_with_free_ones_behind(*block);
      if (block->size < bytes) continue;
      split(*block, bytes);
      block->is_free.store(false, std::memory_order_relaxed);
      users_.fetch_add(1, std::memory_order_relaxed);
      return {block->begin, block, free, c10::Device(c10::DeviceType::CPU)};
    }
    return {};
  }

 private:
  struct Block {
    std::atomic<bool> is_free{true};
    Arena* arena = nullptr;
    char* begin = nullptr;
    size_t size = 0;
    Block* next = nullptr;  // at the next address, or the next spare one
  };

  static void free(void* block_in_use) {
    auto* block = static_cast<Block*>(block_in_use);
    Arena* arena = block->arena;
    block->is_free.store(true, std::memory_order_release);
    arena->leave();
  }

  void leave() {
    if (users_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  void join_with_free_ones_behind(Block& block) {
    while (block.next != nullptr && block.next->is_free.load(std::memory_order_acquire)) {
      Block* joined = block.next;
      block.size += joined->size;
      block.next = joined->next;
      give_back(joined);
    }
  }

  void split(Block& block, size_t bytes) {
    if (block.size == bytes || spare_ == nullptr) return;
    Block* rest = take_spare();
    rest->begin = block.begin + bytes;
    rest->size = block.size - bytes;
    rest->next = block.next;
    block.size = bytes;
    block.next = rest;
  }

  Block* take_spare() {
    Block* block = spare_;
    spare_ = block->next;
    block->arena = this;
    block->next = nullptr;
    return block;
  }

  void give_back(Block* block) {
    block->next = spare_;
    spare_ = block;
  }

  // More than a graph holds results at a time; when there are no more, blocks are not divided.
  std::array<Block, 64> blocks_;
  Block* first_;
  Block* spare_ = nullptr;
  std::atomic<int64_t> users_{1};  // the thread, and each block that is not free
  const c10::DataPtr memory_;
};

// A cache of memory, see result_memory.h.
Arena& arena_of_this_thread() {
  thread_local const std::unique_ptr<Arena, Arena::Leave> arena(new Arena);
  return *arena;
}

thread_local bool arena_is_open = false;

// With a sanitizer, each result has memory of its own, so that it sees what is read beyond it.
#ifdef __SANITIZE_ADDRESS__
constexpr bool kHasArenas = false;
#else
constexpr bool kHasArenas = true;
#endif

}  // namespace

c10::DataPtr allocate_result_memory(size_t bytes) {
  constexpr size_t kAlignment = 64;
  if (kHasArenas && arena_is_open) {
    const size_t whole_lines = (bytes + kAlignment - 1) / kAlignment * kAlignment;
    if (c10::DataPtr memory = arena_of_this_thread().allocate(whole_lines)) return memory;
  }
  return c10::GetCPUAllocator()->allocate(bytes);
}

ArenaScope::ArenaScope(bool is_open) : was_open_(std::exchange(arena_is_open, is_open)) {}

ArenaScope::~ArenaScope() {
  arena_is_open = was_open_;
}

}  // namespace int8graph
