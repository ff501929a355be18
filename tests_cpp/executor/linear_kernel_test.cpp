#include "executor/linear_kernel.h"

#include <gtest/gtest.h>

#include <thread>

#include "executor/linear_plan.h"
#include "testing/kernel.h"
#include "testing/three_threads.h"

namespace int8graph {
namespace {

/// That of oneDNN's primitives, whatever layers of that form have on this CPU.
struct Linear : KernelUnderTest {
  explicit Linear(const std::string& body, size_t position = 0)
      : KernelUnderTest(body, small_input(2), position),
        plan(linear_plan(*partition.node().g(c10::attr::Subgraph)).value()) {
    kernel = make_linear_kernel(plan, "a kernel", Weights::Shared);
  }

  LinearPlan plan;
};

Linear linear_kernel() {
  return Linear("return self.exact_linear(torch.gelu(self.linear(x)))");
}

TEST(LinearKernel, TakesAnyNumberOfRows) {
  const Linear linear = linear_kernel();
  for (const int64_t rows : {1, 2, 7, 8, 9, 27, 45, 63, 64, 65, 197, 300, 513}) {
    linear.expect_right({linear.partition.int8(noise({rows, kChannels}))});
  }
}

TEST(LinearKernel, TakesAnyRankAndStrides) {
  const Linear linear = linear_kernel();
  const at::Tensor wide = linear.partition.int8(noise({5, 6, 2 * kChannels}));
  linear.expect_right({linear.partition.int8(noise({kChannels}))});
  linear.expect_right({linear.partition.int8(noise({2, 3, 4, kChannels}))});
  linear.expect_right({wide.slice(2, 3, 3 + kChannels)});
  linear.expect_right({wide.slice(2, 0, kChannels).transpose(0, 1)});
}

TEST(LinearKernel, AddsAnOperandThatBroadcasts) {
  const Linear linear("y = self.linear(x)\nreturn torch.topk(self.linear_second(y) + x, 2)[0]", 1);
  ASSERT_EQ(linear.partition.node().inputs().size(), 2);
  const LinearPlan& plan = linear.plan;
  const auto arguments = [&](at::Tensor source, at::Tensor operand) {
    std::vector<at::Tensor> result(2);
    result[plan.source.argument] = linear.partition.int8(source, plan.source.argument);
    result[1 - plan.source.argument] = std::move(operand);
    return result;
  };
  linear.expect_right(arguments(noise({70, kChannels}), noise({70, kChannels}, 2)));
  linear.expect_right(arguments(noise({70, kChannels}), noise({kChannels, 70}, 2).t()));
  linear.expect_right(arguments(noise({70, kChannels}), noise({1, kChannels}, 2)));
  linear.expect_right(arguments(noise({3, 5, kChannels}), noise({5, 1}, 2)));
  linear.expect_right(arguments(noise({9, kChannels}), noise({}, 2)));
  EXPECT_FALSE(linear.kernel->run(arguments(noise({70, kChannels + 1}), noise({70, 8}, 2))));
  EXPECT_FALSE(linear.kernel->run(arguments(noise({5, kChannels}), noise({3, 5, 8}, 2))));
}

TEST(LinearKernel, AddsAConstant) {
  const Linear linear("return self.exact_linear(torch.gelu(self.linear(x)) + self.w[:2])");
  linear.expect_right({linear.partition.int8(small_input(2))});
  linear.expect_right({linear.partition.int8(noise({3, 2, kChannels}))});
}

TEST(LinearKernel, AddsAnOperandInInt8) {
  for (const char* sum : {"self.linear_second(y) + x", "x + self.linear_second(y)"}) {
    const Linear linear("y = self.linear(x)\nreturn self.exact_linear(" + std::string(sum) + ")",
                        1);
    const size_t source = linear.plan.source.argument;
    for (const int64_t rows : {1, 9, 64, 70, 300}) {
      std::vector<at::Tensor> inputs(2);
      inputs[source] = linear.partition.int8(noise({rows, kChannels}), source);
      inputs[1 - source] = linear.partition.int8(noise({rows, kChannels}, 2), 1 - source);
      linear.expect_right(inputs);
    }
  }
}

TEST(LinearKernel, TakesPReluOfAMatrixOnly) {
  const Linear linear("return self.exact_linear(torch.prelu(self.linear(x), self.scale))");
  linear.expect_right({linear.partition.int8(noise({5, kChannels}))});
  linear.expect_right({linear.partition.int8(noise({70, kChannels}))});
  EXPECT_FALSE(linear.kernel->run(std::vector{linear.partition.int8(noise({3, 8, kChannels}))}));
}

TEST(LinearKernel, ThreadsShareTheWeight) {
  const Linear linear = linear_kernel();
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      for (int64_t rows = 1; rows < 90; rows += 1 + i) {
        linear.expect_right({linear.partition.int8(noise({rows, kChannels}))});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

using LinearKernelByThreads = ThreeThreads;

TEST_F(LinearKernelByThreads, IsRightForAnyNumberOfRows) {
  const Linear linear = linear_kernel();
  for (const int64_t rows : {1, 2, 9, 64, 70, 300, 5000}) {
    linear.expect_right({linear.partition.int8(noise({rows, kChannels}))});
  }
}

TEST(LinearKernel, TakesAnotherNumberOfThreadsWithEachCall) {
  const Linear linear = linear_kernel();
  for (const int threads : {1, 3, 2, 1}) {
    const ThreadCount count(threads);
    for (const int64_t rows : {300, 9}) {
      linear.expect_right({linear.partition.int8(noise({rows, kChannels}))});
    }
  }
}

}  // namespace
}  // namespace int8graph
