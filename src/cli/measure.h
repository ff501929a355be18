#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace int8graph {

/// Milliseconds that `work` takes.
double milliseconds_of(const std::function<void()>& work);

/// The value that the share `rank` (0..1) of the samples does not exceed, interpolated between the
/// two nearest; 0 for no samples.
double percentile(std::vector<double> samples, double rank);

/// The most memory that this process has had at once so far (VmHWM), in bytes.
int64_t peak_memory();

/// Milliseconds since the kernel started this process; known to 10 ms.
double milliseconds_since_process_start();

/// Runs `prepare` for the instances 0 to `instances - 1` at the same time, and when all have done
/// that, `body`; each instance on a thread of its own that is set up for inference with `threads`
/// intra-op threads. While there are enough cores, each instance keeps to `threads` cores that no
/// other one uses. Rethrows what an instance threw, when all of them have ended.
void run_instances(int instances, int threads, const std::function<void(int)>& prepare,
                   const std::function<void(int)>& body);

}  // namespace int8graph
