#pragma once

#include <memory>
#include <string>
#include <vector>

#include "executor/primitive_kernel.h"
#include "testing/partition.h"
#include "testing/small_models.h"

namespace int8graph {

/// The kernel of the partition at a position of a fused model, and that partition to compare with.
struct KernelUnderTest {
  KernelUnderTest(const std::string& body, const at::Tensor& input, size_t position)
      : partition(small_model(body), {input}, position),
        kernel(make_primitive_kernel(*partition.node().g(c10::attr::Subgraph), "a kernel",
                                     OutputLayout::Any, {}, Weights::Shared)) {}

  void expect_right(const std::vector<at::Tensor>& inputs) const {
    const auto run = kernel->run(inputs);
    ASSERT_TRUE(run);
    const at::Tensor& result = *run;
    const at::Tensor expected = partition.unfused(inputs);
    EXPECT_TRUE(result.is_contiguous());
    EXPECT_FALSE(result.is_view());
    if (result.is_quantized()) return expect_one_step_apart(result, expected);
    EXPECT_TRUE(at::allclose(result, expected, 1e-4, 1e-4));
  }

  Partition partition;
  std::unique_ptr<const PrimitiveKernel> kernel;
};

}  // namespace int8graph
