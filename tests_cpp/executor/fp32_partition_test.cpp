#include "executor/fp32_partition.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <thread>

#include "testing/partition.h"
#include "testing/small_models.h"

namespace int8graph {
namespace {

namespace jit = torch::jit;

at::Tensor run(const Fp32Partition& partition, const at::Tensor& input) {
  jit::Stack stack = {input};
  partition.run(stack);
  return stack.front().toTensor();
}

Fp32Partition fp32(const Partition& partition, OutputLayout layout = OutputLayout::Any) {
  return {*partition.node().g(c10::attr::Subgraph), {layout}};
}

TEST(Fp32Partition, GivesTheNumbersOfItsSubgraph) {
  const Partition partition(small_model("return self.exact_linear(torch.gelu(self.linear(x)))"),
                            {small_input(2)}, 0);
  const Fp32Partition in_fp32 = fp32(partition);
  for (const int64_t rows : {0, 1, 5, 70}) {
    const at::Tensor input = partition.int8(noise({rows, kChannels}));
    EXPECT_TRUE(at::equal(run(in_fp32, input), partition.unfused({input})));
  }
}

TEST(Fp32Partition, ConvolutionsGoOnInChannelsLast) {
  const Partition partition(small_model("return self.exact_conv2d(self.conv2d(x))"),
                            {small_input(4)}, 0);
  const Fp32Partition in_fp32 = fp32(partition);
  const at::Tensor input = partition.int8(small_input(4));
  ASSERT_TRUE(input.is_contiguous());
  const at::Tensor result = run(in_fp32, input);
  EXPECT_TRUE(result.is_contiguous(at::MemoryFormat::ChannelsLast));
  expect_one_step_apart(result, partition.unfused({input}));
  const at::Tensor without_batch = input[0];
  expect_one_step_apart(run(in_fp32, without_batch), partition.unfused({without_batch}));
}

TEST(Fp32Partition, WhatLeavesTheGraphIsContiguous) {
  const Partition partition(small_model("return self.exact_conv2d(self.conv2d(x))"),
                            {small_input(4)}, 0);
  const at::Tensor input = partition.int8(small_input(4));
  const at::Tensor result = run(fp32(partition, OutputLayout::Contiguous), input);
  EXPECT_TRUE(result.is_contiguous());
  expect_one_step_apart(result, partition.unfused({input}));
}

TEST(Fp32Partition, IsSharedByThreads) {
  const Partition partition(small_model("return self.exact_conv3d(self.conv3d(x))"),
                            {small_input(5)}, 0);
  const Fp32Partition in_fp32 = fp32(partition);
  std::vector<std::thread> threads;
  for (int64_t i = 1; i <= 4; ++i) {
    threads.emplace_back([&, i] {
      for (int64_t size = 1; size < 12; size += i) {
        const at::Tensor input = partition.int8(noise({1, kChannels, size, 3, i}));
        expect_one_step_apart(run(in_fp32, input), partition.unfused({input}));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace int8graph
