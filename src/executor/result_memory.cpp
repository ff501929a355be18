#include "executor/result_memory.h"

#include <c10/core/CPUAllocator.h>

#include <array>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace int8graph {

namespace {

/// Blocks lie one behind the other. The thread that has the arena divides and joins them; others
/// only say that one is free, so nobody waits for anybody.
class Arena {
 public:
  static constexpr size_t kSize = size_t{32} << 20;

  /// @throws c10::Error if there is no memory
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
      if (block->size < bytes || !can_be_split(*block, bytes)) continue;
      split(*block, bytes);
      block->is_free.store(false, std::memory_order_relaxed);
      return {block->begin, block, free, c10::Device(c10::DeviceType::CPU)};
    }
    return {};
  }

 private:
  struct Block {
    std::atomic<bool> is_free{true};
    char* begin = nullptr;
    size_t size = 0;
    Block* next = nullptr;  // at the next address, or the next spare one
  };

  static void free(void* block) {
    static_cast<Block*>(block)->is_free.store(true, std::memory_order_release);
  }

  void join_with_free_ones_behind(Block& block) {
    while (block.next != nullptr && block.next->is_free.load(std::memory_order_acquire)) {
      Block* joined = block.next;
      block.size += joined->size;
      block.next = joined->next;
      give_back(joined);
    }
  }

  /// Or is about as large as what is asked for. So a small result does not take all that is left.
  bool can_be_split(const Block& block, size_t bytes) const {
    return spare_ != nullptr || block.size <= 2 * bytes;
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
    block->next = nullptr;
    return block;
  }

  void give_back(Block* block) {
    block->next = spare_;
    spare_ = block;
  }

  const c10::DataPtr memory_;
  std::array<Block, 64> blocks_;  // in use, between those, and spare ones
  Block* first_;
  Block* spare_ = nullptr;
};

/// All arenas, of which there are as many as CPUs at the most; those of threads that have ended
/// wait for the next one that starts. A cache of memory, which lives as long as the process: blocks
/// may be in use until then.
class Arenas {
 public:
  static Arenas& all() {
    static auto* const arenas = new Arenas;
    return *arenas;
  }

  /// Null if all are taken, or there is no memory for one more.
  Arena* take() {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      Arena* arena = idle_.back();
      idle_.pop_back();
      return arena;
    }
    if (made_ >= std::thread::hardware_concurrency()) return nullptr;
    try {
      auto* const arena = new Arena;
      ++made_;
      return arena;
    } catch (const std::exception&) {
      return nullptr;
    }
  }

  void give_back(Arena* arena) {
    const std::lock_guard lock(mutex_);
    idle_.push_back(arena);
  }

 private:
  std::mutex mutex_;
  std::vector<Arena*> idle_;
  unsigned made_ = 0;
};

// Without destructors, so that models may run while the thread's other variables are destroyed.
thread_local Arena* arena = nullptr;  // this thread's; null before it has one, or if it gets none
thread_local bool has_asked = false;
thread_local bool is_open = false;

struct AtEndOfThread {
  ~AtEndOfThread() {
    if (arena != nullptr) Arenas::all().give_back(std::exchange(arena, nullptr));
  }
};

Arena* arena_of_this_thread() {
  if (!has_asked) {
    has_asked = true;
    thread_local const AtEndOfThread end;
    arena = Arenas::all().take();
  }
  return arena;
}

// With a sanitizer, each result has memory of its own, so that it sees what is read beyond it.
#ifdef __SANITIZE_ADDRESS__
constexpr bool kHasArenas = false;
#else
constexpr bool kHasArenas = true;
#endif

}  // namespace

c10::DataPtr allocate_result_memory(size_t bytes) {
  constexpr size_t kAlignment = 64;
  if (kHasArenas && is_open && arena_of_this_thread() != nullptr) {
    const size_t whole_lines = (bytes + kAlignment - 1) / kAlignment * kAlignment;
    if (c10::DataPtr memory = arena->allocate(whole_lines)) return memory;
  }
  return c10::GetCPUAllocator()->allocate(bytes);
}

ArenaScope::ArenaScope(bool open) : was_open_(std::exchange(is_open, open)) {}

ArenaScope::~ArenaScope() {
  is_open = was_open_;
}

}  // namespace int8graph
