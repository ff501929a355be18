#include "executor/pool_kernel.h"

#include <gtest/gtest.h>

#include <thread>

#include "testing/partition.h"
#include "testing/small_models.h"

namespace int8graph {
namespace {

using Sizes = std::vector<int64_t>;

/// The kernel of a pool between two convolutions, and that partition to compare with.
struct Kernel {
  explicit Kernel(const std::string& pool, int64_t rank = 4,
                  OutputLayout layout = OutputLayout::Any)
      : partition(small_model(body(pool, rank - 2)), {small_input(rank)}, 1),
        plan(pool_plan(*partition.node().g(c10::attr::Subgraph)).value()),
        kernel(make_pool_kernel(plan, "a pool", layout)) {}

  static std::string body(const std::string& pool, int64_t spatial) {
    const std::string conv = "conv" + std::to_string(spatial) + "d";
    return "y = torch.relu(self." + conv + "(x))\nreturn self.exact_" + conv + "(torch." + pool +
           ")";
  }

  at::Tensor expect_right(const at::Tensor& input) const {
    const std::vector<at::Tensor> inputs = {input};
    const auto result = kernel->run(inputs);
    EXPECT_TRUE(result);
    if (!result) return {};
    expect_one_step_apart(*result, partition.unfused(inputs));
    return *result;
  }

  Partition partition;
  PoolPlan plan;
  std::unique_ptr<const PrimitiveKernel> kernel;
};

TEST(PoolKernel, TakesEveryKindOfPool) {
  for (const char* pool : {"max_pool2d(y, [2, 2])", "max_pool2d(y, [3, 2], [1, 2])",
                           "max_pool2d(y, [3, 3], [2, 2], [1, 1])",
                           "max_pool2d(y, [3, 3], [2, 2], [1, 1], [1, 1], True)",
                           "avg_pool2d(y, [2, 2])", "avg_pool2d(y, [3, 3], [2, 2], [1, 1])",
                           "avg_pool2d(y, [3, 3], [2, 2], [1, 1], False, False)"}) {
    SCOPED_TRACE(pool);
    const Kernel kernel(pool);
    for (const Sizes& sizes : {Sizes{2, 8, 6, 5}, Sizes{1, 8, 17, 8}, Sizes{1, 3, 9, 10}}) {
      kernel.expect_right(kernel.partition.int8(noise(sizes)));
    }
  }
}

TEST(PoolKernel, InOneDimensionAndInThree) {
  const Kernel one("max_pool1d(y, [3], [2])", 3);
  one.expect_right(one.partition.int8(noise({2, 8, 11})));
  const Kernel three("avg_pool3d(y, [2, 2, 2])", 5);
  three.expect_right(three.partition.int8(noise({1, 8, 5, 4, 6})));
}

TEST(PoolKernel, TakesAnyStrides) {
  const Kernel kernel("max_pool2d(y, [2, 2])");
  const at::Tensor wide = kernel.partition.int8(noise({2, 16, 12, 10}));
  const at::Tensor half = wide.slice(1, 3, 11);
  kernel.expect_right(half);
  kernel.expect_right(half.transpose(2, 3));
  kernel.expect_right(half.contiguous(at::MemoryFormat::ChannelsLast));
  kernel.expect_right(half.slice(0, 0, 1).expand({3, 8, 12, 10}));
}

TEST(PoolKernel, LeavesTheResultChannelsLastOrContiguous) {
  for (const auto layout : {OutputLayout::Any, OutputLayout::Contiguous}) {
    const Kernel kernel("max_pool2d(y, [2, 2])", 4, layout);
    const at::Tensor result = kernel.expect_right(kernel.partition.int8(noise({2, 8, 6, 4})));
    EXPECT_EQ(result.is_contiguous(), layout == OutputLayout::Contiguous);
  }
}

TEST(PoolPlan, ReadsTheWindow) {
  const Kernel kernel("max_pool2d(y, [2, 3], [1, 2], [0, 1], [3, 1], True)");
  EXPECT_EQ(kernel.plan.kernel, (Sizes{2, 3}));
  EXPECT_EQ(kernel.plan.strides, (Sizes{1, 2}));
  EXPECT_EQ(kernel.plan.pads, (Sizes{0, 1}));
  EXPECT_EQ(kernel.plan.dilations, (Sizes{3, 1}));
  EXPECT_TRUE(kernel.plan.rounds_up);
  const at::Tensor input = kernel.partition.int8(noise({2, 8, 6, 6}));
  const at::Tensor expected = kernel.partition.unfused({input});
  EXPECT_EQ(kernel.plan.result_sizes(input.sizes()), expected.sizes().vec());
  const std::vector<at::Tensor> inputs = {input};
  const auto result = kernel.kernel->run(inputs);
  ASSERT_TRUE(result);
  expect_one_step_apart(*result, expected);
}

TEST(PoolKernel, IsSharedByThreads) {
  const Kernel kernel("max_pool2d(y, [3, 3], [2, 2], [1, 1])");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int64_t size = 4; size < 40; size += 1 + i) {
        kernel.expect_right(kernel.partition.int8(noise({1, 8, size, size})));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(PoolKernel, LeavesWhatDoesNotFitToOneDnnGraph) {
  const Kernel kernel("max_pool2d(y, [2, 2])");
  const std::vector<at::Tensor> too_low = {kernel.partition.int8(noise({2, 8, 1, 4}))};
  const std::vector<at::Tensor> without_batch = {kernel.partition.int8(noise({8, 6, 4}))};
  EXPECT_FALSE(kernel.kernel->run(too_low));
  EXPECT_FALSE(kernel.kernel->run(without_batch));
}

}  // namespace
}  // namespace int8graph
