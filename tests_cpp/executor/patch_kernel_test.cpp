#include "executor/patch_kernel.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <thread>

#include "testing/needs_avx512_vnni.h"
#include "testing/partition.h"
#include "testing/small_models.h"

namespace int8graph {
namespace {

namespace jit = torch::jit;
using Sizes = std::vector<int64_t>;

/// A convolution with a weight of these sizes, and what follows it; a 1x1 convolution reads that.
///
///     model({64, 3, 7, 7}, "torch.relu(torch.conv2d(x, self.w, self.b, [2, 2], [3, 3]))")
jit::Module model(const Sizes& weight, const std::string& first, bool is_quantized = true) {
  jit::Module module("model");
  const auto add = [&](const char* name, const at::Tensor& value) {
    module.register_parameter(name, value, /*is_buffer=*/false);
  };
  add("w", noise(weight, 2) * 0.2);
  add("b", noise({weight[0]}, 3));
  add("slopes", noise({weight[0]}, 4));
  add("second", noise({8, weight[0], 1, 1}, 5));
  module.define("def forward(self, x):\n  y = " + first + "\n  return " +
                (is_quantized ? "torch.conv2d(y, self.second)\n" : "y\n"));
  module.eval();
  return module;
}

/// The kernel for the patches of the first partition, and that partition to compare with.
struct Kernel {
  Kernel(const Sizes& weight, const std::string& first, bool is_quantized = true,
         OutputLayout layout = OutputLayout::Any)
      : partition(model(weight, first, is_quantized), {noise({2, weight[1], 20, 22})}, 0),
        convolution(conv_plan(*partition.node().g(c10::attr::Subgraph)).value()) {
    if (auto plan = patch_plan(convolution)) {
      kernel = make_patch_kernel(*std::move(plan), "patches", layout);
    }
  }

  at::Tensor expect_right(const at::Tensor& source) const {
    const std::vector<at::Tensor> inputs = {source};
    const auto result = kernel->run(inputs);
    EXPECT_TRUE(result);
    if (!result) return {};
    const at::Tensor expected = partition.unfused(inputs);
    EXPECT_EQ(result->sizes(), expected.sizes());
    if (result->is_quantized()) {
      expect_one_step_apart(*result, expected);
    } else {
      EXPECT_TRUE(at::allclose(*result, expected, 1e-4, 1e-4));
    }
    return *result;
  }

  void expect_right(const Sizes& source) const { expect_right(partition.int8(noise(source))); }

  Partition partition;
  ConvPlan convolution;
  std::unique_ptr<const PrimitiveKernel> kernel;
};

using PatchKernel = NeedsAvx512Vnni;

constexpr const char* kFirst = "torch.relu(torch.conv2d(x, self.w, self.b, [2, 2], [3, 3]))";

TEST_F(PatchKernel, GivesTheNumbersOfTheConvolution) {
  const Kernel first({64, 3, 7, 7}, kFirst);
  ASSERT_TRUE(first.kernel);
  for (const Sizes& sizes : {Sizes{1, 3, 32, 32}, {2, 3, 9, 40}, {1, 3, 7, 7}, {3, 3, 150, 131}}) {
    first.expect_right(sizes);
  }
  const Kernel patches({96, 3, 16, 16}, "torch.conv2d(x, self.w, self.b, [16, 16])");
  ASSERT_TRUE(patches.kernel);
  patches.expect_right({2, 3, 64, 50});
  const Kernel gray({32, 1, 5, 5}, "torch.relu(torch.conv2d(x, self.w, None, [1, 1], [2, 0]))");
  ASSERT_TRUE(gray.kernel);
  gray.expect_right({2, 1, 28, 28});
}

TEST_F(PatchKernel, WithWhatFollows) {
  for (const char* first :
       {"torch.clamp(torch.conv2d(x, self.w, self.b), -1, 2)",
        "torch.gelu(torch.conv2d(x, self.w, self.b, [2, 2], [1, 1]))",
        "torch.prelu(torch.conv2d(x, self.w, self.b, [1, 1], [1, 1]), self.slopes)",
        "torch.conv2d(x, self.w, self.b, [1, 1], [1, 1]) * self.slopes.reshape([1, -1, 1, 1])"}) {
    SCOPED_TRACE(first);
    const Kernel kernel({96, 3, 4, 4}, first);
    ASSERT_TRUE(kernel.kernel);
    kernel.expect_right({2, 3, 20, 18});
  }
  const Kernel in_fp32({96, 3, 4, 4}, kFirst, /*is_quantized=*/false);
  ASSERT_TRUE(in_fp32.kernel);
  in_fp32.expect_right({1, 3, 20, 18});
}

TEST_F(PatchKernel, ReadsAndWritesAnyLayout) {
  for (const auto layout : {OutputLayout::Any, OutputLayout::Contiguous}) {
    const Kernel first({64, 3, 7, 7}, kFirst, true, layout);
    const at::Tensor source = first.partition.int8(noise({2, 3, 30, 34}));
    for (const at::Tensor& form :
         {source, source.contiguous(at::MemoryFormat::ChannelsLast), source.transpose(2, 3)}) {
      const at::Tensor result = first.expect_right(form);
      EXPECT_EQ(result.is_contiguous(), layout == OutputLayout::Contiguous);
    }
  }
}

TEST_F(PatchKernel, IsForConvolutionsOfFewChannelsThatSaveEnough) {
  const auto takes = [](const Sizes& weight, const std::string& first) {
    return Kernel(weight, first).kernel != nullptr;
  };
  EXPECT_FALSE(takes({64, 4, 7, 7}, kFirst));
  EXPECT_FALSE(takes({32, 3, 3, 3}, kFirst));
  EXPECT_FALSE(takes({64, 1, 7, 7}, "torch.conv2d(x, self.w, None, [1, 1], [0, 0], [2, 2])"));
  EXPECT_FALSE(takes({64, 3, 7, 7}, "torch.conv2d(x, self.w) * torch.sigmoid(x[:, :1, 6:, 6:])"));
}

TEST_F(PatchKernel, LeavesWhatDoesNotFitToOneDnnGraph) {
  const Kernel first({64, 3, 7, 7}, "torch.relu(torch.conv2d(x, self.w))");
  EXPECT_FALSE(first.kernel->run(std::vector{first.partition.int8(noise({1, 3, 6, 20}))}));
  EXPECT_FALSE(first.kernel->run(std::vector{first.partition.int8(noise({1, 2, 20, 20}))}));
}

TEST_F(PatchKernel, IsSharedByThreads) {
  const Kernel first({64, 3, 7, 7}, kFirst);
  std::vector<std::thread> threads;
  for (int64_t i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int64_t size = 7; size < 80; size += 5 + i) first.expect_right({1, 3, size, 20 + size});
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(PatchKernel, ByThreadsGivesTheSame) {
  const int before = at::get_num_threads();
  at::set_num_threads(3);
  const Kernel first({64, 3, 7, 7}, kFirst);
  first.expect_right({2, 3, 160, 160});
  at::set_num_threads(before);
}

/// It is what a model's first convolution runs by, and what a profile shows.
TEST_F(PatchKernel, IsAPartitionsKernel) {
  const Kernel first({64, 3, 7, 7}, kFirst);
  const auto kernel = make_primitive_kernel(*first.partition.node().g(c10::attr::Subgraph), "first",
                                            OutputLayout::Any, {false}, Weights::Owned);
  const std::vector<at::Tensor> inputs = {first.partition.int8(noise({1, 3, 40, 40}))};
  const auto result = kernel->run(inputs);
  ASSERT_TRUE(result);
  expect_one_step_apart(*result, first.partition.unfused(inputs));
}

}  // namespace
}  // namespace int8graph
