#include "executor/row_kernel.h"

#include <gtest/gtest.h>

#include <thread>

#include "testing/needs_avx512_vnni.h"
#include "testing/partition.h"
#include "testing/small_models.h"
#include "testing/three_threads.h"

namespace int8graph {
namespace {

/// The kernel of the softmax between two products, which the ReLU before it keeps from being one
/// attention, and that partition to compare with.
struct Kernel {
  explicit Kernel(const std::string& axis)
      : partition(small_model(
                      "y = torch.relu(torch.matmul(x, x.transpose(1, 2)))\ny = torch.softmax(y, " +
                      axis + ")\nreturn torch.topk(torch.matmul(y, x), 2)[0]"),
                  {noise({2, 6, 5})}, 1),
        kernel(make_row_kernel(row_plan(*partition.node().g(c10::attr::Subgraph)).value(),
                               "a softmax")) {}

  void expect_right(const at::Tensor& input) const {
    const std::vector<at::Tensor> inputs = {input};
    const auto result = kernel->run(inputs);
    ASSERT_TRUE(result);
    EXPECT_TRUE(result->is_contiguous());
    expect_one_step_apart(*result, partition.unfused(inputs));
  }

  Partition partition;
  std::unique_ptr<const PrimitiveKernel> kernel;
};

class RowKernel : public NeedsAvx512Vnni {};

TEST_F(RowKernel, TakesAnyRowsAndLengthAndStrides) {
  const Kernel softmax("-1");
  softmax.expect_right(noise({2, 6, 6}));
  softmax.expect_right(noise({1, 1}));
  softmax.expect_right(noise({17}));
  softmax.expect_right(noise({1, 12, 33, 515}));
  softmax.expect_right(noise({4, 7, 9}).transpose(0, 2));
}

TEST_F(RowKernel, RunsOnSeveralThreads) {
  const ThreadCount three(3);
  const Kernel softmax("-1");
  softmax.expect_right(noise({2, 6, 6}));
  softmax.expect_right(noise({1, 12, 197, 197}));
  softmax.expect_right(noise({2, 30000}));
}

TEST_F(RowKernel, LeavesAnotherAxisToOneDnnGraph) {
  const Kernel softmax("2");
  const std::vector<at::Tensor> of_rank_4 = {noise({1, 2, 3, 4})};
  softmax.expect_right(noise({2, 6, 6}));
  const std::vector<at::Tensor> of_rank_0 = {noise({})};
  EXPECT_FALSE(Kernel("-1").kernel->run(of_rank_0));
  EXPECT_FALSE(softmax.kernel->run(of_rank_4));
}

TEST_F(RowKernel, IsSharedByThreads) {
  const Kernel softmax("-1");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int64_t length = 1; length < 60; length += 1 + i) {
        softmax.expect_right(noise({3, length}));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace int8graph
