#include "cli/measure.h"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>
#include <sched.h>

#include <atomic>
#include <barrier>
#include <stdexcept>
#include <vector>

namespace int8graph {
namespace {

TEST(Percentile, LiesBetweenTheTwoNearestSamples) {
  EXPECT_EQ(percentile({3, 1, 2}, 0.5), 2);
  EXPECT_EQ(percentile({1, 2}, 0.5), 1.5);
  EXPECT_EQ(percentile({4, 0}, 0.25), 1);
  EXPECT_EQ(percentile({3, 1, 2}, 0), 1);
  EXPECT_EQ(percentile({3, 1, 2}, 1), 3);
  EXPECT_EQ(percentile({5}, 0.9), 5);
  EXPECT_EQ(percentile({}, 0.5), 0);
}

TEST(PeakMemory, GrowsWithWhatIsTouched) {
  const int64_t before = peak_memory();
  EXPECT_GT(before, 0);
  constexpr size_t kBytes = 1 << 28;
  const std::vector<char> block(kBytes, 1);
  EXPECT_GE(peak_memory(), before);
  EXPECT_GE(peak_memory(), static_cast<int64_t>(kBytes));
}

TEST(MillisecondsOf, RunsTheWorkOnce) {
  int runs = 0;
  EXPECT_GE(milliseconds_of([&] { ++runs; }), 0);
  EXPECT_EQ(runs, 1);
}

TEST(ProcessStart, LiesBehindUs) {
  EXPECT_GT(milliseconds_since_process_start(), 0);
}

void prepare_nothing(int /*instance*/) {}

TEST(RunInstances, AllRunAtTheSameTimeSetUpForInference) {
  constexpr int kInstances = 3;
  std::barrier all_are_here(kInstances);  // waits for ever if they ran one after the other
  std::vector<int> ran(kInstances);
  std::atomic<int> in_inference = 0;
  std::atomic<int> with_two_threads = 0;
  run_instances(kInstances, 2, prepare_nothing, [&](int instance) {
    all_are_here.arrive_and_wait();
    ++ran[instance];
    in_inference += c10::InferenceMode::is_enabled();
    with_two_threads += at::get_num_threads() == 2;
  });
  EXPECT_EQ(ran, std::vector<int>(kInstances, 1));
  EXPECT_EQ(in_inference, kInstances);
  EXPECT_EQ(with_two_threads, kInstances);
}

TEST(RunInstances, KeepToCoresOfTheirOwnWhileThereAreEnough) {
  cpu_set_t allowed;
  ASSERT_EQ(sched_getaffinity(0, sizeof allowed, &allowed), 0);
  std::vector<cpu_set_t> sets(CPU_COUNT(&allowed));
  run_instances(CPU_COUNT(&allowed), 1, prepare_nothing,
                [&](int instance) { sched_getaffinity(0, sizeof(cpu_set_t), &sets[instance]); });
  cpu_set_t all;
  CPU_ZERO(&all);
  for (const cpu_set_t& set : sets) {
    EXPECT_EQ(CPU_COUNT(&set), 1);
    CPU_OR(&all, &all, &set);
  }
  EXPECT_TRUE(CPU_EQUAL(&all, &allowed));
}

TEST(RunInstances, WhatABodyThrowsReachesTheCaller) {
  const auto run = [] {
    run_instances(2, 1, prepare_nothing, [](int instance) {
      if (instance == 1) throw std::out_of_range("second");
    });
  };
  EXPECT_THROW(run(), std::out_of_range);
}

TEST(RunInstances, AllArePreparedBeforeABodyStarts) {
  constexpr int kInstances = 3;
  std::atomic<int> prepared = 0;
  std::atomic<int> saw_all = 0;
  run_instances(
      kInstances, 1, [&](int) { ++prepared; }, [&](int) { saw_all += prepared == kInstances; });
  EXPECT_EQ(saw_all, kInstances);
}

TEST(RunInstances, NobodyWaitsForOneThatFailedToPrepare) {
  const auto fail = [](int instance) {
    if (instance == 1) throw std::out_of_range("second");
  };
  std::atomic<int> ran = 0;
  EXPECT_THROW(run_instances(3, 1, fail, [&](int) { ++ran; }), std::out_of_range);
  EXPECT_EQ(ran, 0);
}

}  // namespace
}  // namespace int8graph
