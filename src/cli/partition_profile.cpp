#include "cli/partition_profile.h"

#include "cli/measure.h"
#include "executor/profile.h"

namespace int8graph {

namespace {

double median(const std::vector<double>& samples) {
  return percentile(samples, 0.5);
}

/// The samples of one partition, in microseconds.
struct Samples {
  std::string operators;
  std::vector<double> total;
  std::vector<double> in_kernels;
};

}  // namespace

double CallProfile::partitions_ms() const {
  double sum = 0;
  for (const ProfiledPartition& partition : partitions) sum += partition.us / 1000;
  return sum;
}

CallProfile profile_partitions(torch::jit::Module& artifact, const Inputs& inputs,
                               const ProfileOptions& options) {
  std::vector<double> calls;
  std::vector<Samples> samples;
  const auto warm_up = [&](int) {
    for (int i = 0; i < options.warmup; ++i) artifact.forward(inputs);
  };
  run_instances(1, options.threads, warm_up, [&](int) {
    for (int i = 0; i < options.calls; ++i) {
      start_profile();
      calls.push_back(milliseconds_of([&] { artifact.forward(inputs); }));
      const std::vector<PartitionTimes> rows = stop_profile();
      samples.resize(rows.size());
      for (size_t row = 0; row < rows.size(); ++row) {
        // A loop's partition runs several times in one call.
        const double in_us = 1e-3 / static_cast<double>(rows[row].calls);
        samples[row].operators = rows[row].name;
        samples[row].total.push_back(static_cast<double>(rows[row].total) * in_us);
        samples[row].in_kernels.push_back(static_cast<double>(rows[row].in_kernels) * in_us);
      }
    }
  });
  CallProfile result{.call_ms = median(calls), .partitions = {}};
  for (const Samples& row : samples) {
    result.partitions.push_back({row.operators, median(row.total), median(row.in_kernels)});
  }
  return result;
}

}  // namespace int8graph
