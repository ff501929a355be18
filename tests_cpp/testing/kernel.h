#pragma once

#include <memory>
#include <string>
#include <typeinfo>
#include <vector>

#include "executor/primitive_kernel.h"
#include "testing/partition.h"
#include "testing/small_models.h"

namespace int8graph {

/// Runs the kernel and compares with PyTorch's operators: within one step, or 1e-4 in fp32.
inline at::Tensor expect_right(const PrimitiveKernel& kernel, const Partition& partition,
                               const std::vector<at::Tensor>& inputs) {
  const at::Tensor expected = partition.unfused(inputs);  // first, as a summand may be overwritten
  const auto result = kernel.run(inputs);
  EXPECT_TRUE(result);
  if (!result) return {};
  EXPECT_EQ(result->sizes(), expected.sizes());
  EXPECT_FALSE(result->is_view());
  if (result->is_quantized()) {
    expect_one_step_apart(*result, expected);
  } else {
    EXPECT_TRUE(at::allclose(*result, expected, 1e-4, 1e-4));
  }
  return *result;
}

/// Whether the partition is run by a kernel of the same class.
inline bool is_kernel_of(const Partition& partition, const PrimitiveKernel& kernel) {
  const std::vector<bool> reusable(partition.node().inputs().size(), false);
  const auto made = make_primitive_kernel(*partition.node().g(c10::attr::Subgraph), "a kernel",
                                          OutputLayout::Any, reusable, Weights::Shared);
  if (!made) return false;
  const PrimitiveKernel& other = *made;
  return typeid(other) == typeid(kernel);
}

/// An image, or what is of its form, as it may lie: dense or not, channels-last or not.
inline std::vector<at::Tensor> layings_of(const at::Tensor& image) {
  return {image, image.contiguous(at::MemoryFormat::ChannelsLast), image.transpose(2, 3),
          image.slice(0, 0, 1).expand({3, -1, -1, -1}), image.slice(3, 1, image.size(3))};
}

/// The kernel of the partition at a position of a fused model, and that partition to compare with.
struct KernelUnderTest {
  KernelUnderTest(const std::string& body, const at::Tensor& input, size_t position)
      : partition(small_model(body), {input}, position),
        kernel(make_primitive_kernel(*partition.node().g(c10::attr::Subgraph), "a kernel",
                                     OutputLayout::Any, {}, Weights::Shared)) {}

  void expect_right(const std::vector<at::Tensor>& inputs) const {
    EXPECT_TRUE(int8graph::expect_right(*kernel, partition, inputs).is_contiguous());
  }

  Partition partition;
  std::unique_ptr<const PrimitiveKernel> kernel;
};

}  // namespace int8graph
