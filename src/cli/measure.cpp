#include "cli/measure.h"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cmath>
#include <ctime>
#include <exception>
#include <fstream>
#include <future>
#include <sstream>
#include <string>
#include <thread>

#include "config/elapsed.h"

namespace int8graph {

namespace {

std::vector<int> cores_of_this_thread() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cores;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return cores;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &set)) cores.push_back(core);
  }
  return cores;
}

/// OpenMP's threads inherit this from the thread that first needs them.
void keep_to(const std::vector<int>& cores, size_t first, size_t count) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (size_t i = first; i < first + count; ++i) CPU_SET(cores[i], &set);
  sched_setaffinity(0, sizeof set, &set);  // where it is not allowed, the numbers are just noisier
}

/// What `action` throws; null if nothing.
std::exception_ptr error_of(const std::function<void()>& action) {
  try {
    action();
    return nullptr;
  } catch (...) {
    return std::current_exception();
  }
}

}  // namespace

double milliseconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return milliseconds_since(start);
}

double percentile(std::vector<double> samples, double rank) {
  if (samples.empty()) return 0;
  std::ranges::sort(samples);
  const double position = rank * static_cast<double>(samples.size() - 1);
  const auto below = static_cast<size_t>(position);
  const size_t above = std::min(below + 1, samples.size() - 1);
  return std::lerp(samples[below], samples[above], position - static_cast<double>(below));
}

int64_t peak_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stoll(line.substr(6)) * 1024;
  }
  return 0;
}

double milliseconds_since_process_start() {
  // "pid (name) state ...": the start, in clock ticks since boot, is the 22nd field. The name may
  // hold spaces.
  constexpr int kFieldsBehindName = 20;
  std::ifstream file("/proc/self/stat");
  std::string text;
  std::getline(file, text);
  std::istringstream fields(text.substr(text.rfind(')') + 1));
  std::string field;
  for (int i = 0; i < kFieldsBehindName; ++i) fields >> field;
  const double start = std::stod(field) * 1000 / static_cast<double>(sysconf(_SC_CLK_TCK));
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6 - start;
}

void run_instances(int instances, int threads, const std::function<void(int)>& prepare,
                   const std::function<void(int)>& body) {
  const std::vector<int> cores = cores_of_this_thread();
  const bool is_room = static_cast<size_t>(instances) * threads <= cores.size();
  std::barrier all_prepared(instances);
  std::atomic<bool> has_failed = false;
  std::vector<std::exception_ptr> errors(instances);
  std::vector<std::jthread> workers;
  // Where a thread can't be started, this is destroyed before the others are joined, and they end
  // by its exception instead of waiting for one that never comes.
  std::promise<void> all_started;
  const std::shared_future<void> start = all_started.get_future().share();
  for (int i = 0; i < instances; ++i) {
    workers.emplace_back([&, i, start] {
      const c10::InferenceMode inference;
      errors[i] = error_of([&] {
        start.get();
        if (is_room) keep_to(cores, static_cast<size_t>(i) * threads, threads);
        at::set_num_threads(threads);
        prepare(i);
      });
      if (errors[i]) {
        has_failed = true;
        all_prepared.arrive_and_drop();
        return;
      }
      all_prepared.arrive_and_wait();
      if (!has_failed) errors[i] = error_of([&] { body(i); });
    });
  }
  all_started.set_value();
  workers.clear();  // joins them
  for (const std::exception_ptr& error : errors) {
    if (error) std::rethrow_exception(error);
  }
}

}  // namespace int8graph
