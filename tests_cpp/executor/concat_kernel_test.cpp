#include "executor/concat_kernel.h"

#include <gtest/gtest.h>

#include <thread>

#include "testing/partition.h"
#include "testing/small_models.h"
#include "testing/three_threads.h"

namespace int8graph {
namespace {

using Sizes = std::vector<int64_t>;

/// The kernel that joins two convolutions' results along `axis`, and that partition to compare
/// with.
struct Kernel {
  explicit Kernel(const std::string& axis, OutputLayout layout = OutputLayout::Any)
      : partition(
            small_model("a = torch.relu(self.conv2d(x))\nb = torch.relu(self.conv2d_second(x))"
                        "\nreturn self.exact_conv2d(torch.cat([a, b], " +
                        axis + "))"),
            {small_input(4)}, 2),
        kernel(make_concat_kernel(concat_plan(*partition.node().g(c10::attr::Subgraph)).value(),
                                  "a join", layout)) {}

  at::Tensor int8(const Sizes& sizes, uint64_t seed = 1) const {
    return partition.int8(noise(sizes, seed));
  }

  at::Tensor expect_right(const std::vector<at::Tensor>& inputs) const {
    const auto result = kernel->run(inputs);
    EXPECT_TRUE(result);
    if (!result) return {};
    const at::Tensor expected = partition.unfused(inputs);
    EXPECT_TRUE(at::equal(result->int_repr(), expected.int_repr()));
    EXPECT_EQ(result->q_scale(), expected.q_scale());
    EXPECT_EQ(result->q_zero_point(), expected.q_zero_point());
    return *result;
  }

  Partition partition;
  std::unique_ptr<const PrimitiveKernel> kernel;
};

at::Tensor channels_last(const at::Tensor& tensor) {
  return tensor.contiguous(at::MemoryFormat::ChannelsLast);
}

TEST(ConcatKernel, JoinsAlongAnyDimension) {
  for (const char* axis : {"0", "2", "3", "-1", "-2"}) {
    SCOPED_TRACE(axis);
    const Kernel join(axis);
    join.expect_right({join.int8({2, 8, 5, 4}), join.int8({2, 8, 5, 4}, 2)});
  }
  const Kernel rows("2");
  rows.expect_right({rows.int8({2, 8, 5, 4}), rows.int8({2, 8, 1, 4}, 2)});
  rows.expect_right({rows.int8({1, 3, 2}), rows.int8({1, 3, 7}, 2)});
}

TEST(ConcatKernel, TakesAnyStrides) {
  const Kernel join("2");
  const at::Tensor dense = join.int8({2, 8, 5, 4});
  const at::Tensor other = join.int8({2, 8, 5, 4}, 2);
  join.expect_right({channels_last(dense), other});
  join.expect_right({dense, channels_last(other)});
  join.expect_right({dense.slice(1, 0, 4), other.slice(1, 4, 8)});
  join.expect_right({dense.transpose(0, 1), other.transpose(0, 1)});
  join.expect_right({dense.slice(0, 0, 1).expand({2, 8, 5, 4}), other});
  join.expect_right({dense, dense});
}

TEST(ConcatKernel, LeavesTheResultAsTheLargestTensorLies) {
  const Kernel join("2");
  const at::Tensor dense = join.int8({2, 8, 5, 4});
  const at::Tensor small = join.int8({2, 8, 3, 4});
  EXPECT_TRUE(join.expect_right({channels_last(small), dense}).is_contiguous());
  EXPECT_TRUE(join.expect_right({small, channels_last(dense)})
                  .is_contiguous(at::MemoryFormat::ChannelsLast));
  const Kernel contiguous("2", OutputLayout::Contiguous);
  EXPECT_TRUE(
      contiguous.expect_right({channels_last(dense), channels_last(dense)}).is_contiguous());
}

TEST(ConcatKernel, KeepsAClassTokenAndItsTokensDense) {
  const Kernel join("-2");
  const at::Tensor token = join.int8({2, 1, 6});
  const at::Tensor tokens = join.int8({2, 5, 6});
  EXPECT_TRUE(join.expect_right({token, tokens}).is_contiguous());
  EXPECT_TRUE(join.expect_right({token, token}).is_contiguous());
}

TEST(ConcatKernel, IsSharedByThreads) {
  const Kernel join("2");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int64_t rows = 1; rows < 40; rows += 1 + i) {
        join.expect_right({join.int8({1, 8, rows, 4}), join.int8({1, 8, 3, 4}, 2)});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

using ConcatKernelByThreads = ThreeThreads;

TEST_F(ConcatKernelByThreads, JoinsAllElements) {
  const Kernel join("2");
  for (const int64_t rows : {1, 5, 300}) {
    const at::Tensor dense = join.int8({2, 8, rows, 40});
    const at::Tensor other = join.int8({2, 8, 200, 40}, 2);
    join.expect_right({dense, other});
    join.expect_right({channels_last(dense), other});
    join.expect_right({channels_last(dense), channels_last(other)});
  }
}

TEST(ConcatKernel, LeavesWhatCantBeJoinedToOneDnnGraph) {
  const Kernel join("2");
  const std::vector<at::Tensor> of_other_widths = {join.int8({2, 8, 5, 4}),
                                                   join.int8({2, 8, 5, 3})};
  const std::vector<at::Tensor> of_other_ranks = {join.int8({2, 8, 5, 4}), join.int8({2, 8, 5})};
  const std::vector<at::Tensor> without_rows = {join.int8({2, 8}), join.int8({2, 8})};
  EXPECT_FALSE(join.kernel->run(of_other_widths));
  EXPECT_FALSE(join.kernel->run(of_other_ranks));
  EXPECT_FALSE(join.kernel->run(without_rows));
}

}  // namespace
}  // namespace int8graph
