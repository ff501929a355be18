#pragma once

#include <torch/script.h>

#include <string>
#include <vector>

#include "cli/tensor_files.h"

namespace int8graph {

/// One partition's median call.
struct ProfiledPartition {
  std::string operators;  ///< joined by '+'
  double us = 0;
  double kernel_us = 0;  ///< of that, inside kernels, oneDNN's and our own; 0 where PyTorch ran it
  bool ran_in_kernels() const { return kernel_us > 0; }
  double overhead_us() const { return us - kernel_us; }
};

struct CallProfile {
  double call_ms = 0;                         ///< the model's median call, while it is timed
  std::vector<ProfiledPartition> partitions;  ///< in the order in which they run

  double partitions_ms() const;
};

struct ProfileOptions {
  int calls = 20;
  int warmup = 5;
  int threads = 1;
};

/// Times each partition of a loaded artifact on cores of its own. Medians: what else runs on the
/// machine now and then is not in them.
CallProfile profile_partitions(torch::jit::Module& artifact, const Inputs& inputs,
                               const ProfileOptions& options);

}  // namespace int8graph
