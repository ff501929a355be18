#include "executor/depthwise_kernel.h"

#include <ATen/ATen.h>

#include <cmath>
#include <string>

#include "executor/depthwise.h"
#include "testing/kernel.h"
#include "testing/needs_avx512_vnni.h"
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
  std::string dilation = "[1, 1]";
  bool is_quantized = true;  ///< the result, as a 1x1 convolution reads it
};

jit::Module model(const Form& form) {
  const int64_t channels = form.channels, kernel = form.kernel;
  return module_of({{"w", noise({channels, 1, kernel, kernel}, 2) * 0.3},
                    {"b", noise({channels}, 3)},
                    {"second", noise({8, channels, 1, 1}, 5)}},
                   "def forward(self, x):\n  y = torch.conv2d(" + form.source +
                       ", self.w, self.b, " + form.parameters + ", " + form.dilation + ", " +
                       std::to_string(channels) + ")\n  return " +
                       (form.is_quantized ? "torch.conv2d(" + form.tail + ", self.second)\n"
                                          : form.tail + "\n"));
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
    return int8graph::expect_right(*kernel, partition, {source});
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

/// A layer that nothing quantizes behind.
Form in_fp32(int64_t channels, const std::string& tail = "torch.relu(y)") {
  Form form{channels, 3, "[2, 2], [1, 1]", tail};
  form.is_quantized = false;
  return form;
}

TEST_F(DepthwiseKernel, MakesFp32Too) {
  for (const int64_t channels : {16, 40, 64, 100}) {
    for (const char* const tail : {"y", "torch.relu(y)", "torch.clamp(y, -0.5, 0.8)"}) {
      SCOPED_TRACE(tail);
      Form wide = in_fp32(channels, tail);
      wide.kernel = 7;
      for (const Form& form : {in_fp32(channels, tail), wide}) {
        const Kernel depthwise(form);
        ASSERT_TRUE(depthwise.kernel);
        depthwise.expect_right(2, 9, 10);
      }
    }
  }
}

TEST_F(DepthwiseKernel, KeepsNaN) {
  ConvPlan plan = Kernel(in_fp32(20)).plan;
  plan.layer.bias = plan.layer.bias.clone();
  plan.layer.bias[3].fill_(NAN);
  const auto kernel = make_depthwise_kernel(plan, "depthwise", OutputLayout::Any);
  const auto dtype = static_cast<c10::ScalarType>(plan.source.parameters.dtype);
  const at::Tensor source = at::quantize_per_tensor(noise({1, 20, 5, 6}), 0.1, 128, dtype);
  const at::Tensor result = kernel->run(std::vector{source}).value();
  EXPECT_TRUE(result.select(1, 3).isnan().all().item<bool>());
  EXPECT_FALSE(result.select(1, 4).isnan().any().item<bool>());
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
    for (const at::Tensor& lying : layings_of(source)) {
      const at::Tensor result = depthwise.expect_right(lying);
      EXPECT_EQ(result.is_contiguous(), layout == OutputLayout::Contiguous);
    }
  }
}

TEST_F(DepthwiseKernel, DividesRowsAmongThreads) {
  for (const Form& form : {Form{64}, in_fp32(64)}) {
    const Kernel depthwise(form);
    const ThreadCount two(2);
    depthwise.expect_right(3, 37, 50);
    depthwise.expect_right(1, 120, 64);
  }
}

TEST_F(DepthwiseKernel, IsSharedByThreads) {
  const Kernel depthwise({32});
  on_four_threads([&](int64_t i) {
    for (int64_t size = 3; size < 60; size += 5 + i) depthwise.expect_right(1, size, 20 + size);
  });
}

TEST_F(DepthwiseKernel, LeavesWhatDoesNotFitToOneDnnGraph) {
  const Kernel depthwise({32, 7, "[1, 1], [0, 0]"});
  EXPECT_FALSE(depthwise.kernel->run(std::vector{depthwise.partition.int8(noise({1, 32, 6, 20}))}));
  EXPECT_FALSE(
      depthwise.kernel->run(std::vector{depthwise.partition.int8(noise({1, 31, 20, 20}))}));
}

TEST_F(DepthwiseKernel, IsAPartitionsKernel) {
  for (const Form& form : {Form{32}, in_fp32(32)}) {
    const Kernel depthwise(form);
    EXPECT_TRUE(is_kernel_of(depthwise.partition, *depthwise.kernel));
  }
}

TEST_F(DepthwiseKernel, IsForWhatItKnows) {
  Form dilated{32}, sum{32};
  dilated.dilation = "[2, 2]";
  sum.tail = "torch.relu(y + x)";
  EXPECT_TRUE(Kernel(sum).plan.summand());
  const Form refused[] = {{15},
                          {32, 4},
                          {32, 9},
                          {32, 3, "[3, 3], [1, 1]"},
                          {32, 3, "[1, 2], [1, 1]"},
                          {32, 3, "[1, 1], [1, 1]", "torch.gelu(y)"},
                          {32, 3, "[1, 1], [1, 1]", "torch.sigmoid(y)"},
                          dilated,
                          sum};
  for (const Form& form : refused) {
    EXPECT_FALSE(Kernel(form).kernel)
        << form.channels << " " << form.kernel << " " << form.parameters << " " << form.tail;
  }
}

}  // namespace
}  // namespace int8graph
