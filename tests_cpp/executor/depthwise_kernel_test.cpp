#include "executor/depthwise_kernel.h"

#include <ATen/ATen.h>

#include <string>
#include <thread>

#include "executor/depthwise.h"
#include "testing/needs_avx512_vnni.h"
#include "testing/partition.h"
#include "testing/small_models.h"
#include "testing/three_threads.h"

namespace int8graph {
namespace {

namespace jit = torch::jit;
using Sizes = std::vector<int64_t>;

/// A depthwise convolution.
struct Form {
  int64_t channels;
  int64_t kernel = 3;
  std::string parameters = "[1, 1], [1, 1]";  ///< stride, padding
  std::string tail = "torch.relu(y)";
  QScheme qscheme = QScheme::PerTensorAffine;
  std::string source = "x";
  bool is_quantized = true;  ///< the result, as a 1x1 convolution reads it
};

jit::Module model(const Form& form) {
  jit::Module module("model");
  const auto add = [&](const char* name, const at::Tensor& value) {
    module.register_parameter(name, value, /*is_buffer=*/false);
  };
  const int64_t channels = form.channels, kernel = form.kernel;
  add("w", noise({channels, 1, kernel, kernel}, 2) * 0.3);
  add("b", noise({channels}, 3));
  add("second", noise({8, channels, 1, 1}, 5));
  module.define(
      "def forward(self, x):\n  y = torch.conv2d(" + form.source + ", self.w, self.b, " +
      form.parameters + ", [1, 1], " + std::to_string(channels) + ")\n  return " +
      (form.is_quantized ? "torch.conv2d(" + form.tail + ", self.second)\n" : form.tail + "\n"));
  module.eval();
  return module;
}

/// The kernel of the depthwise convolution, and its partition to compare with.
struct Kernel {
  explicit Kernel(const Form& form, OutputLayout layout = OutputLayout::Any)
      : channels(form.channels),
        partition(model(form), {noise({2, channels, 12, 11})}, 0, form.qscheme),
        plan(conv_plan(*partition.node().g(c10::attr::Subgraph)).value()) {
    if (can_be_depthwise(plan)) kernel = make_depthwise_kernel(plan, "depthwise", layout);
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

  void expect_right(int64_t images, int64_t height, int64_t width) const {
    expect_right(partition.int8(noise({images, channels, height, width})));
  }

  int64_t channels;
  Partition partition;
  ConvPlan plan;
  std::unique_ptr<const PrimitiveKernel> kernel;
};

using DepthwiseKernel = NeedsAvx512Vnni;

TEST_F(DepthwiseKernel, OfAnyNumberOfChannels) {
  for (const int64_t channels : {16, 17, 31, 32, 40, 64, 100, 144}) {
    SCOPED_TRACE(channels);
    const Kernel depthwise({channels});
    ASSERT_TRUE(depthwise.kernel);
    depthwise.expect_right(1, 14, 14);
    depthwise.expect_right(3, 5, 21);
  }
}

TEST_F(DepthwiseKernel, OfAnyKernelAndImage) {
  for (const int64_t kernel : {3, 5, 7}) {
    for (const char* const parameters : {"[1, 1], [1, 1]", "[2, 2], [1, 1]", "[1, 1], [3, 2]",
                                         "[2, 2], [0, 3]", "[1, 1], [0, 0]", "[1, 1], \"same\""}) {
      SCOPED_TRACE(parameters);
      const Kernel depthwise({48, kernel, parameters});
      ASSERT_TRUE(depthwise.kernel);
      for (const Sizes& size : {Sizes{7, 7}, {8, 13}, {19, 7}, {30, 31}}) {
        depthwise.expect_right(2, size[0], size[1]);
      }
    }
  }
  const Kernel wide({16, 7, "[1, 1], [3, 3]"});
  wide.expect_right(2, 1, 1);
  wide.expect_right(1, 2, 3);
}

TEST_F(DepthwiseKernel, MakesFp32Too) {
  for (const int64_t channels : {16, 40, 64, 100}) {
    for (const char* const tail : {"y", "torch.relu(y)", "torch.clamp(y, -0.5, 0.8)"}) {
      SCOPED_TRACE(tail);
      Form form{channels, 7, "[1, 1], [3, 3]", tail};
      form.is_quantized = false;
      const Kernel depthwise(form);
      ASSERT_TRUE(depthwise.kernel);
      depthwise.expect_right(2, 9, 10);
    }
  }
}

TEST_F(DepthwiseKernel, OfPaddingOnOneSide) {
  for (const char* const parameters : {"[2, 2], [0, 0]", "[1, 1], [0, 1]"}) {
    Form form{32, 3, parameters};
    form.source = "torch.pad(x, [0, 1, 2, 0])";
    const Kernel depthwise(form);
    ASSERT_TRUE(depthwise.kernel);
    EXPECT_EQ(depthwise.plan.pads_begin[0], 2);
    depthwise.expect_right(2, 11, 14);
  }
}

TEST_F(DepthwiseKernel, WithClamps) {
  for (const auto qscheme : {QScheme::PerTensorAffine, QScheme::PerTensorSymmetric}) {
    for (const char* const tail :
         {"y", "torch.relu(y)", "torch.clamp(y, -0.5, 1.2)", "torch.clamp(torch.relu(y), -1, 6)",
          "torch.relu(torch.clamp(y, -2, -1))", "torch.clamp(y, 0, 6)"}) {
      SCOPED_TRACE(tail);
      const Kernel depthwise({40, 3, "[1, 1], [1, 1]", tail, qscheme});
      ASSERT_TRUE(depthwise.kernel);
      depthwise.expect_right(2, 9, 10);
    }
  }
}

TEST_F(DepthwiseKernel, ReadsAndWritesAnyLayout) {
  for (const auto layout : {OutputLayout::Any, OutputLayout::Contiguous}) {
    const Kernel depthwise({32}, layout);
    const at::Tensor source = depthwise.partition.int8(noise({2, 32, 9, 10}));
    for (const at::Tensor& lying :
         {source, source.contiguous(at::MemoryFormat::ChannelsLast), source.transpose(2, 3),
          source.slice(0, 0, 1).expand({3, 32, 9, 10}), source.slice(3, 4, 9)}) {
      const at::Tensor result = depthwise.expect_right(lying);
      EXPECT_EQ(result.is_contiguous(), layout == OutputLayout::Contiguous);
    }
  }
}

TEST_F(DepthwiseKernel, DividesRowsAmongThreads) {
  const Kernel depthwise({64});
  const ThreadCount two(2);
  depthwise.expect_right(3, 37, 50);
  depthwise.expect_right(1, 120, 64);
}

TEST_F(DepthwiseKernel, IsSharedByThreads) {
  const Kernel depthwise({32});
  std::vector<std::thread> threads;
  for (int64_t i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int64_t size = 3; size < 60; size += 5 + i) depthwise.expect_right(1, size, 20 + size);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(DepthwiseKernel, LeavesWhatDoesNotFitToOneDnnGraph) {
  const Kernel depthwise({32, 7, "[1, 1], [0, 0]"});
  EXPECT_FALSE(depthwise.kernel->run(std::vector{depthwise.partition.int8(noise({1, 32, 6, 20}))}));
  EXPECT_FALSE(
      depthwise.kernel->run(std::vector{depthwise.partition.int8(noise({1, 31, 20, 20}))}));
}

/// Which kernel a partition has shows in what it leaves to oneDNN: nothing.
TEST_F(DepthwiseKernel, IsAPartitionsKernel) {
  for (const bool is_quantized : {true, false}) {
    Form form{32};
    form.is_quantized = is_quantized;
    const Kernel depthwise(form);
    const auto kernel =
        make_primitive_kernel(*depthwise.partition.node().g(c10::attr::Subgraph), "depthwise",
                              OutputLayout::Any, {false}, Weights::Owned);
    const std::vector<at::Tensor> inputs = {depthwise.partition.int8(noise({2, 32, 9, 8}))};
    const auto result = kernel->run(inputs);
    ASSERT_TRUE(result);
    EXPECT_TRUE(at::equal(result->is_quantized() ? result->int_repr() : *result,
                          result->is_quantized() ? depthwise.kernel->run(inputs)->int_repr()
                                                 : *depthwise.kernel->run(inputs)));
  }
}

TEST_F(DepthwiseKernel, IsForWhatItKnows) {
  const Form refused[] = {{15},
                          {32, 4},
                          {32, 9},
                          {32, 3, "[3, 3], [1, 1]"},
                          {32, 3, "[1, 2], [1, 1]"},
                          {32, 3, "[1, 1], [1, 1]", "torch.gelu(y)"},
                          {32, 3, "[1, 1], [1, 1]", "torch.sigmoid(y)"}};
  for (const Form& form : refused) {
    EXPECT_FALSE(Kernel(form).kernel)
        << form.channels << " " << form.kernel << " " << form.parameters << " " << form.tail;
  }
}

}  // namespace
}  // namespace int8graph
