#include "executor/patch_kernel.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "testing/kernel.h"
#include "testing/needs_avx512_vnni.h"
#include "testing/small_models.h"
#include "testing/three_threads.h"

namespace int8graph {
namespace {

namespace jit = torch::jit;
using Sizes = std::vector<int64_t>;

/// A model that begins with a convolution, or two.
struct Form {
  Sizes weight;              ///< of self.w, and of self.v
  std::string first;         ///< of self.b, too
  bool is_quantized = true;  ///< whether a 1x1 convolution reads that
  size_t position = 0;       ///< of the partition that is meant
  QScheme qscheme = QScheme::PerTensorAffine;
};

jit::Module model(const Form& form) {
  const int64_t channels = form.weight[0];
  return module_of({{"w", noise(form.weight, 2) * 0.2},
                    {"v", noise(form.weight, 6) * 0.2},
                    {"b", noise({channels}, 3)},
                    {"second", noise({8, channels, 1, 1}, 5)}},
                   "def forward(self, x):\n  y = " + form.first + "\n  return " +
                       (form.is_quantized ? "torch.conv2d(y, self.second)\n" : "y\n"));
}

/// The kernel for the patches of a partition, if it is for patches, and that partition to compare
/// with.
struct Kernel {
  explicit Kernel(const Form& form, OutputLayout layout = OutputLayout::Any)
      : partition(model(form), {noise({2, form.weight[1], 20, 22})}, form.position, form.qscheme),
        convolution(conv_plan(*partition.node().g(c10::attr::Subgraph)).value()) {
    if (auto plan = patch_plan(convolution)) {
      kernel = make_patch_kernel(*std::move(plan), "patches", layout);
    }
  }

  at::Tensor expect_right(const at::Tensor& source) const {
    return int8graph::expect_right(*kernel, partition, {source});
  }

  void expect_right(const Sizes& source) const { expect_right(partition.int8(noise(source))); }

  Partition partition;
  ConvPlan convolution;
  std::unique_ptr<const PrimitiveKernel> kernel;
};

using PatchKernel = NeedsAvx512VnniWithoutAmx;

constexpr const char* kFirst = "torch.relu(torch.conv2d(x, self.w, self.b, [2, 2], [3, 3]))";

TEST_F(PatchKernel, GivesTheNumbersOfTheConvolution) {
  for (const auto qscheme : {QScheme::PerTensorAffine, QScheme::PerTensorSymmetric}) {
    const Kernel first({{64, 3, 7, 7}, kFirst, true, 0, qscheme});
    ASSERT_TRUE(first.kernel);
    for (const Sizes& sizes :
         {Sizes{1, 3, 32, 32}, {2, 3, 9, 40}, {1, 3, 7, 7}, {3, 3, 150, 131}}) {
      first.expect_right(sizes);
    }
  }
}

TEST_F(PatchKernel, OfAnyWindow) {
  const Form forms[] = {
      {{96, 3, 16, 16}, "torch.conv2d(x, self.w, self.b, [16, 16])"},
      {{32, 1, 5, 5}, "torch.relu(torch.conv2d(x, self.w, None, [1, 1], [2, 0]))"},
      {{64, 2, 6, 4}, "torch.relu(torch.conv2d(x, self.w, self.b, [3, 5], [2, 1]))"},
      {{96, 3, 4, 6}, "torch.relu(torch.conv2d(x, self.w, self.b, padding=\"same\"))"},
      {{96, 3, 4, 6}, "torch.conv2d(torch.constant_pad_nd(x, [0, 1, 2, 3]), self.w, self.b)"}};
  for (const Form& form : forms) {
    SCOPED_TRACE(form.first);
    const Kernel kernel(form);
    ASSERT_TRUE(kernel.kernel);
    for (const Sizes& sizes : {Sizes{2, 1, 28, 28}, Sizes{1, 1, 63, 50}}) {
      kernel.expect_right({sizes[0], form.weight[1], sizes[2], sizes[3]});
    }
  }
}

TEST_F(PatchKernel, WithWhatFollows) {
  const Kernel clamped({{96, 3, 4, 4}, "torch.clamp(torch.conv2d(x, self.w, self.b), -1, 2)"});
  ASSERT_TRUE(clamped.kernel);
  clamped.expect_right({2, 3, 20, 18});
  const Kernel in_fp32({{96, 3, 4, 4}, kFirst, /*is_quantized=*/false});
  ASSERT_TRUE(in_fp32.kernel);
  in_fp32.expect_right({1, 3, 20, 18});
  for (const auto qscheme : {QScheme::PerTensorAffine, QScheme::PerTensorSymmetric}) {
    for (const bool is_quantized : {true, false}) {
      const Kernel gelu({{72, 3, 7, 7},
                         "torch.gelu(torch.conv2d(x, self.w, self.b, [2, 2], [3, 3]))",
                         is_quantized,
                         0,
                         qscheme});
      ASSERT_TRUE(gelu.kernel);
      for (const int threads : {1, 3}) {
        const ThreadCount count(threads);
        gelu.expect_right({2, 3, 70, 61});
      }
    }
  }
}

TEST_F(PatchKernel, ReadsAndWritesAnyLayout) {
  for (const auto layout : {OutputLayout::Any, OutputLayout::Contiguous}) {
    const Kernel first({{64, 3, 7, 7}, kFirst}, layout);
    const at::Tensor source = first.partition.int8(noise({2, 3, 30, 34}));
    for (const at::Tensor& lying : layings_of(source)) {
      const at::Tensor result = first.expect_right(lying);
      EXPECT_EQ(result.is_contiguous(), layout == OutputLayout::Contiguous);
    }
  }
}

TEST_F(PatchKernel, IsForConvolutionsOfFewChannelsThatSaveEnough) {
  const Form refused[] = {
      {{64, 4, 7, 7}, kFirst},
      {{16, 3, 3, 3}, kFirst},
      {{64, 1, 7, 7}, "torch.conv2d(x, self.w, None, [1, 1], [0, 0], [2, 2])"},
      {{64, 3, 7, 7}, "torch.tanh(torch.conv2d(x, self.w))"},
      {{64, 3, 7, 7}, "torch.conv2d(x, self.w) * torch.sigmoid(x[:, :1, 6:, 6:])"},
      // What the other one made is added, in int8, where the result will lie.
      {{64, 3, 7, 7}, "torch.conv2d(x, self.w) + torch.conv2d(x, self.v)", true, 1}};
  for (const Form& form : refused) {
    EXPECT_FALSE(Kernel(form).kernel) << form.first << " " << form.weight;
  }
  EXPECT_TRUE(Kernel({{32, 3, 3, 3}, kFirst}).kernel);
  EXPECT_TRUE(Kernel(refused[5]).convolution.summand());
}

TEST_F(PatchKernel, LeavesWhatDoesNotFitToOneDnnGraph) {
  const Kernel first({{64, 3, 7, 7}, "torch.relu(torch.conv2d(x, self.w))"});
  EXPECT_FALSE(first.kernel->run(std::vector{first.partition.int8(noise({1, 3, 6, 20}))}));
  EXPECT_FALSE(first.kernel->run(std::vector{first.partition.int8(noise({1, 2, 20, 20}))}));
}

TEST_F(PatchKernel, IsSharedByThreads) {
  const Kernel first({{64, 3, 7, 7}, kFirst});
  on_four_threads([&](int64_t i) {
    for (int64_t size = 7; size < 80; size += 5 + i) first.expect_right({1, 3, size, 20 + size});
  });
}

TEST_F(PatchKernel, IsAPartitionsKernel) {
  const Kernel first({{64, 3, 7, 7}, kFirst});
  EXPECT_TRUE(is_kernel_of(first.partition, *first.kernel));
}

TEST_F(PatchKernel, DividesPatchesAmongThreads) {
  const Kernel first({{64, 3, 7, 7}, kFirst});
  const ThreadCount three(3);
  first.expect_right({2, 3, 160, 170});
  first.expect_right({1, 3, 7, 9});
}

}  // namespace
}  // namespace int8graph
