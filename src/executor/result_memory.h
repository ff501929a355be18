#pragma once

#include <c10/core/Allocator.h>

#include <cstddef>

namespace int8graph {

/// Memory for results, 64-byte aligned. It comes from PyTorch's allocator, but within an ArenaScope
/// from the calling thread's arena, while that has room: 32 MB of addresses, of which memory is
/// taken as they are first written.
///
/// What is free at the lowest address is used first. So a call goes over the same few pages and
/// cache lines as the ones before, whatever sizes they had, where malloc finds a place by its size:
/// MobileNetV2's second call at a new image size took 1.09 times as long as later ones. And a large
/// model's partitions, between which all caches are written over, spend 0.6 us less.
///
/// Any thread may free it, and none waits for another. What an arena has taken it keeps, for the
/// next thread when its own has ended. There are as many as CPUs; further threads have none.
c10::DataPtr allocate_result_memory(size_t bytes);

/// While it lives, this thread's results lie in its arena, or do not. Those that leave the graph
/// should not: they take its room for as long as somebody holds them.
class ArenaScope {
 public:
  explicit ArenaScope(bool open);
  ~ArenaScope();
  ArenaScope(const ArenaScope&) = delete;
  ArenaScope& operator=(const ArenaScope&) = delete;

 private:
  const bool was_open_;
};

}  // namespace int8graph
