#pragma once

#include <gtest/gtest.h>

#include "onednn/onednn_loader.h"

namespace int8graph {

/// A fixture for kernels that are not used on CPUs without VNNI (executor/saturation.h).
class NeedsVnni : public testing::Test {
 protected:
  void SetUp() override {
    if (load_onednn().adds_products_in_16_bits) GTEST_SKIP() << "this CPU has no VNNI";
  }
};

}  // namespace int8graph
