#include "executor/constant_memory.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <limits>
#include <new>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace int8graph {
namespace {

constexpr size_t kMegabyte = size_t{1} << 20;

/// How many pages are in memory, of those that hold these addresses.
size_t resident_pages(const std::byte* first, size_t bytes) {
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const uintptr_t begin = reinterpret_cast<uintptr_t>(first) / page * page;
  const uintptr_t end = reinterpret_cast<uintptr_t>(first) + bytes;
  std::vector<unsigned char> pages((end - begin + page - 1) / page);
  EXPECT_EQ(mincore(reinterpret_cast<void*>(begin), end - begin, pages.data()), 0);
  size_t count = 0;
  for (const unsigned char is_resident : pages) count += is_resident & 1;
  return count;
}

/// The flags that Linux keeps for the mapping of an address; empty where it does not tell.
std::string flags_of(const std::byte* address) {
  const auto wanted = reinterpret_cast<uintptr_t>(address);
  std::ifstream mappings("/proc/self/smaps");
  bool is_in = false;
  for (std::string line; std::getline(mappings, line);) {
    std::istringstream words(line);
    uintptr_t first = 0, last = 0;
    char dash = 0;
    if (words >> std::hex >> first >> dash >> last && dash == '-') {
      is_in = first <= wanted && wanted < last;
    } else if (is_in && line.starts_with("VmFlags:")) {
      return line;
    }
  }
  return {};
}

TEST(ConstantMemoryTest, LiesSideBySide) {
  const auto first = allocate_constant(100);
  const auto second = allocate_constant(0);
  const auto third = allocate_constant(1);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(first.get()) % 64, 0);
  EXPECT_EQ(second.get() - first.get(), 128);
  EXPECT_EQ(third.get() - second.get(), 64);
}

TEST(ConstantMemoryTest, AsksForHugePages) {
  const auto constant = allocate_constant(4 * kMegabyte);
  const std::string flags = flags_of(constant.get());
  if (!std::ifstream("/sys/kernel/mm/transparent_hugepage/enabled") || flags.empty()) {
    GTEST_SKIP() << "this kernel has no pages of 2 MB";
  }
  EXPECT_NE(flags.find(" hg"), std::string::npos) << flags;
}

TEST(ConstantMemoryTest, HoldsWhatIsLargerThanAPiece) {
  const size_t bytes = 70 * kMegabyte + 3;
  const auto before = allocate_constant(1);
  const auto large = allocate_constant(bytes);
  large.get()[0] = std::byte{1};
  large.get()[bytes - 1] = std::byte{2};
  const auto after = allocate_constant(1);
  EXPECT_TRUE(before.get() < large.get() || before.get() >= large.get() + bytes);
  EXPECT_TRUE(after.get() >= large.get() + bytes || after.get() < large.get());
}

TEST(ConstantMemoryTest, GivesBackThePagesOfOneConstantWhileAnotherStays) {
  const auto stays = allocate_constant(3 * kMegabyte);
  auto goes = allocate_constant(6 * kMegabyte);
  std::memset(stays.get(), 1, 3 * kMegabyte);
  std::memset(goes.get(), 2, 6 * kMegabyte);
  const std::byte* const place = goes.get();
  EXPECT_GE(resident_pages(place, 6 * kMegabyte), 6 * kMegabyte / sysconf(_SC_PAGESIZE));
  goes.reset();
  EXPECT_LE(resident_pages(place, 6 * kMegabyte), 2);  // those that are shared
  for (size_t i = 0; i < 3 * kMegabyte; ++i) ASSERT_EQ(stays.get()[i], std::byte{1});
}

TEST(ConstantMemoryTest, TooMuchIsAnError) {
  constexpr size_t kMost = std::numeric_limits<size_t>::max();
  for (const size_t bytes : {kMost, kMost - 100, kMost / 4}) {
    EXPECT_THROW(allocate_constant(bytes), std::bad_alloc);
  }
}

TEST(ConstantMemoryTest, ThreadsDoNotShareBytes) {
  constexpr size_t kThreads = 8, kEach = 300;
  std::vector<std::vector<std::shared_ptr<std::byte>>> constants(kThreads);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = 0; i < kEach; ++i) {
        auto constant = allocate_constant(64 * (i % 50 + 1));
        std::memset(constant.get(), static_cast<int>(t), 64 * (i % 50 + 1));
        if (i % 3 != 0) constants[t].push_back(std::move(constant));  // the others go again
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t t = 0; t < kThreads; ++t) {
    for (const auto& constant : constants[t]) {
      for (size_t i = 0; i < 64; ++i) ASSERT_EQ(constant.get()[i], static_cast<std::byte>(t));
    }
  }
}

}  // namespace
}  // namespace int8graph
