#include "executor/constant_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <mutex>
#include <new>

namespace int8graph {

namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kHugePage = size_t{1} << 21;
constexpr size_t kPiece = size_t{1} << 25;

constexpr size_t round_up(size_t number, size_t unit) {
  return (number + unit - 1) / unit * unit;
}

std::byte* aligned(std::byte* address, size_t unit) {
  const auto number = reinterpret_cast<uintptr_t>(address);
  return address + (round_up(number, unit) - number);
}

/// Address space of `size` bytes from a multiple of 2 MB on, which is handed out from its start.
class Piece {
 public:
  explicit Piece(size_t size) : reserved_(size + kHugePage) {
    void* const mapping = mmap(nullptr, reserved_, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapping == MAP_FAILED) throw std::bad_alloc();
    mapping_ = static_cast<std::byte*>(mapping);
    next_ = aligned(mapping_, kHugePage);
    end_ = next_ + size;
    madvise(next_, size, MADV_HUGEPAGE);  // a wish: where there are none, small pages do
  }
  ~Piece() { munmap(mapping_, reserved_); }
  Piece(const Piece&) = delete;
  Piece& operator=(const Piece&) = delete;

  bool has(size_t bytes) const { return bytes <= static_cast<size_t>(end_ - next_); }

  /// @param bytes a multiple of the alignment, no more than there is
  std::byte* take(size_t bytes) {
    std::byte* const taken = next_;
    next_ += bytes;
    return taken;
  }

 private:
  const size_t reserved_;
  std::byte* mapping_;
  std::byte* next_;
  std::byte* end_;
};

/// The pages that lie in these bytes alone; reading them again would give zeros.
void give_back_pages(std::byte* first, size_t bytes) {
  static const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  std::byte* const begin = aligned(first, page);
  const auto skipped = static_cast<size_t>(begin - first);
  if (bytes < skipped + page) return;
  madvise(begin, (bytes - skipped) / page * page, MADV_DONTNEED);
}

struct Filling {
  std::mutex mutex;
  std::weak_ptr<Piece> piece;  // its constants keep it
};

Filling& filling() {
  static Filling instance;
  return instance;
}

}  // namespace

std::shared_ptr<std::byte> allocate_constant(size_t bytes) {
  if (bytes > std::numeric_limits<size_t>::max() / 2) throw std::bad_alloc();
  const size_t size = std::max(round_up(bytes, kAlignment), kAlignment);
  Filling& current = filling();
  const std::lock_guard lock(current.mutex);
  std::shared_ptr<Piece> piece = current.piece.lock();
  if (!piece || !piece->has(size)) {
    piece = std::make_shared<Piece>(std::max(round_up(size, kHugePage), kPiece));
    current.piece = piece;
  }
  std::byte* const taken = piece->take(size);
  return {taken, [piece, size](std::byte* first) { give_back_pages(first, size); }};
}

}  // namespace int8graph
