#pragma once

#include <gtest/gtest.h>

#include "onednn/onednn_loader.h"

namespace int8graph {

/// A fixture for kernels that are not used on CPUs without AVX512-VNNI (executor/cpu_limits.h).
class NeedsAvx512Vnni : public testing::Test {
 protected:
  void SetUp() override {
    if (!load_onednn().cpu.has_avx512_vnni()) GTEST_SKIP() << "this CPU has no AVX512-VNNI";
  }
};

/// The same for those that leave CPUs with AMX to oneDNN.
class NeedsAvx512VnniWithoutAmx : public NeedsAvx512Vnni {
 protected:
  void SetUp() override {
    NeedsAvx512Vnni::SetUp();
    if (load_onednn().cpu.amx) GTEST_SKIP() << "this CPU has AMX";
  }
};

}  // namespace int8graph
