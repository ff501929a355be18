#pragma once

#include <gtest/gtest.h>

#include "onednn/onednn_loader.h"

namespace int8graph {

/// A fixture for kernels that are not used on CPUs without AVX512-VNNI (executor/cpu_limits.h).
class NeedsAvx512Vnni : public testing::Test {
 protected:
  void SetUp() override {
    const CpuFeatures& cpu = load_onednn().cpu;
    if (!cpu.vnni || !cpu.avx512) GTEST_SKIP() << "this CPU has no AVX512-VNNI";
  }
};

}  // namespace int8graph
