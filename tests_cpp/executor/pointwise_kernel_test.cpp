#include "executor/pointwise_kernel.h"

#include <ATen/ATen.h>

#include <array>
#include <cmath>
#include <string>

#include "executor/gemm.h"
#include "testing/kernel.h"
#include "testing/needs_avx512_vnni.h"
#include "testing/small_models.h"
#include "testing/three_threads.h"

namespace int8graph {
namespace {

namespace jit = torch::jit;
using Sizes = std::vector<int64_t>;

/// A pointwise convolution.
struct Form {
  int64_t inputs, outputs;
  std::string body = "torch.relu(torch.conv2d(x, self.w, self.b))";  ///< its result, of %x
  size_t position = 0;                                               ///< of its partition
  QScheme qscheme = QScheme::PerTensorAffine;
  int64_t kernel = 1;
  bool is_quantized = true;  ///< the result, as another one reads it
};

jit::Module model(const Form& form) {
  const double scale = 1 / std::sqrt(static_cast<double>(form.inputs));
  return module_of({{"w", noise({form.outputs, form.inputs, form.kernel, form.kernel}, 2) * scale},
                    {"b", noise({form.outputs}, 3)},
                    {"other", noise({form.outputs, form.inputs, 1, 1}, 4) * scale},
                    {"second", noise({8, form.outputs, 1, 1}, 5)}},
                   "def forward(self, x):\n  y = " + form.body + "\n  return " +
                       (form.is_quantized ? "torch.conv2d(y, self.second)\n" : "y\n"));
}

/// The kernel of a partition, if it is for pointwise convolutions, and that partition to compare
/// with.
struct Kernel {
  explicit Kernel(const Form& form, OutputLayout layout = OutputLayout::Any)
      : inputs(form.inputs),
        partition(model(form), {noise({2, inputs, 9, 10})}, form.position, form.qscheme),
        plan(conv_plan(*partition.node().g(c10::attr::Subgraph)).value()) {
    const std::vector<bool> reusable(partition.node().inputs().size(), true);
    if (can_be_pointwise(plan)) {
      kernel = make_pointwise_kernel(plan, "pointwise", layout, reusable, Weights::Shared);
    }
  }

  at::Tensor expect_right(const std::vector<at::Tensor>& arguments) const {
    return int8graph::expect_right(*kernel, partition, arguments);
  }

  void expect_right(int64_t images, int64_t height, int64_t width) const {
    expect_right({partition.int8(noise({images, inputs, height, width}))});
  }

  int64_t inputs;
  Partition partition;
  ConvPlan plan;
  std::unique_ptr<const PrimitiveKernel> kernel;
};

using PointwiseKernel = NeedsAvx512VnniWithoutAmx;

TEST_F(PointwiseKernel, OfAnyNumberOfChannels) {
  for (const auto& [inputs, outputs] : {std::array<int64_t, 2>{4, 1},
                                        {16, 8},
                                        {24, 16},
                                        {68, 24},
                                        {64, 32},
                                        {12, 47},
                                        {100, 48},
                                        {32, 64},
                                        {96, 65},
                                        {128, 100},
                                        {20, 144},
                                        {64, 400}}) {
    SCOPED_TRACE(c10::str(inputs, " to ", outputs));
    const Kernel pointwise({inputs, outputs});
    ASSERT_TRUE(pointwise.kernel);
    pointwise.expect_right(1, 7, 7);
    pointwise.expect_right(3, 5, 21);
  }
}

TEST_F(PointwiseKernel, OfAnyNumberOfPixels) {
  for (const int64_t outputs : {16, 32, 48, 64}) {
    const Kernel pointwise({16, outputs});
    ASSERT_TRUE(pointwise.kernel);
    for (int64_t pixels = 1; pixels < 60; ++pixels) pointwise.expect_right(1, 1, pixels);
    pointwise.expect_right(2, 80, 90);
  }
}

TEST_F(PointwiseKernel, MakesFp32Too) {
  for (const int64_t outputs : {8, 40, 64, 200}) {
    for (const std::string body :
         {"torch.conv2d(x, self.w)", "torch.relu(torch.conv2d(x, self.w, self.b))",
          "torch.clamp(torch.conv2d(x, self.w, self.b), -0.5, 0.8)"}) {
      SCOPED_TRACE(c10::str(outputs, " ", body));
      Form form{64, outputs, body};
      form.is_quantized = false;
      const Kernel pointwise(form);
      ASSERT_TRUE(pointwise.kernel);
      pointwise.expect_right(2, 9, 10);
    }
  }
}

TEST_F(PointwiseKernel, KeepsNaN) {
  Form form{64, 40, "torch.clamp(torch.conv2d(x, self.w, self.b), -1, 2)"};
  form.is_quantized = false;
  const Kernel clamped(form);
  ConvPlan plan = clamped.plan;
  plan.layer.bias = plan.layer.bias.clone();
  plan.layer.bias[3].fill_(NAN);
  const auto kernel =
      make_pointwise_kernel(plan, "pointwise", OutputLayout::Any, {true}, Weights::Shared);
  const at::Tensor result =
      kernel->run(std::vector{clamped.partition.int8(noise({1, 64, 3, 4}))}).value();
  EXPECT_TRUE(result.select(1, 3).isnan().all().item<bool>());
  EXPECT_FALSE(result.select(1, 4).isnan().any().item<bool>());
}

TEST_F(PointwiseKernel, WithClampsAndGelu) {
  for (const auto qscheme : {QScheme::PerTensorAffine, QScheme::PerTensorSymmetric}) {
    for (const std::string tail : {"y", "torch.relu(y)", "torch.clamp(y, -0.5, 1.2)",
                                   "torch.relu(torch.clamp(y, -2, -1))", "torch.gelu(y)"}) {
      SCOPED_TRACE(tail);
      std::string body = tail;
      body.replace(body.find('y'), 1, "torch.conv2d(x, self.w, self.b)");
      const Kernel pointwise({64, 40, body, 0, qscheme});
      ASSERT_TRUE(pointwise.kernel);
      pointwise.expect_right(2, 9, 10);
    }
  }
}

/// What another convolution made is added.
Form sum_of(int64_t outputs, const std::string& tail, QScheme qscheme) {
  return {64, outputs, tail + "(torch.conv2d(x, self.other) + torch.conv2d(x, self.w))", 1,
          qscheme};
}

TEST_F(PointwiseKernel, AddsASummand) {
  for (const auto qscheme : {QScheme::PerTensorAffine, QScheme::PerTensorSymmetric}) {
    for (const int64_t outputs : {16, 24, 64, 100, 256}) {
      for (const char* const tail : {"torch.relu", ""}) {
        SCOPED_TRACE(c10::str(outputs, " ", tail));
        const Kernel sum(sum_of(outputs, tail, qscheme));
        const size_t source = sum.plan.source.argument, summand = sum.plan.summand().value();
        ASSERT_TRUE(sum.kernel);
        std::vector<at::Tensor> arguments(2);
        arguments[source] = sum.partition.int8(noise({2, 64, 7, 9}), source);
        const at::Tensor other = sum.partition.int8(noise({2, outputs, 7, 9}, 6), summand);
        for (const at::Tensor& form : {other, other.contiguous(at::MemoryFormat::ChannelsLast),
                                       other.transpose(2, 3).contiguous().transpose(2, 3)}) {
          arguments[summand] = form;
          sum.expect_right(arguments);
          EXPECT_TRUE(at::equal(form.int_repr(), other.int_repr()));  // still held
        }
      }
    }
  }
}

TEST_F(PointwiseKernel, AddsASummandThatBroadcasts) {
  const Kernel sum(sum_of(24, "torch.relu", QScheme::PerTensorAffine));
  const size_t source = sum.plan.source.argument, summand = sum.plan.summand().value();
  std::vector<at::Tensor> arguments(2);
  arguments[source] = sum.partition.int8(noise({2, 64, 6, 5}), source);
  for (const Sizes& sizes : {Sizes{2, 24, 1, 1}, Sizes{1, 24, 6, 5}, Sizes{24, 1, 1}, Sizes{5}}) {
    arguments[summand] = sum.partition.int8(noise(sizes, 6), summand);
    sum.expect_right(arguments);
  }
}

TEST_F(PointwiseKernel, DoesNotOverwriteItsSource) {
  const Kernel sum({128, 128, "torch.relu(torch.conv2d(x, self.w) + x)"});
  ASSERT_TRUE(sum.kernel && sum.plan.summand());
  ASSERT_EQ(sum.partition.node().inputs().size(), 1);
  const std::vector<at::Tensor> unique = {
      sum.partition.int8(noise({2, 128, 6, 5})).contiguous(at::MemoryFormat::ChannelsLast)};
  const at::Tensor before = unique[0].int_repr();
  sum.expect_right(unique);
  EXPECT_TRUE(at::equal(unique[0].int_repr(), before));
}

TEST_F(PointwiseKernel, AddsOnSeveralThreads) {
  const Kernel sum(sum_of(100, "torch.relu", QScheme::PerTensorAffine));
  const size_t source = sum.plan.source.argument, summand = sum.plan.summand().value();
  std::vector<at::Tensor> arguments(2);
  arguments[source] = sum.partition.int8(noise({2, 64, 90, 91}), source);
  arguments[summand] = sum.partition.int8(noise({2, 100, 90, 91}, 6), summand)
                           .contiguous(at::MemoryFormat::ChannelsLast);
  const at::Tensor expected = sum.partition.unfused(arguments);
  const ThreadCount three(3);
  at::Tensor held = arguments[summand];
  expect_one_step_apart(sum.kernel->run(arguments).value(), expected);  // added to a copy
  held.reset();
  const void* const place = arguments[summand].const_data_ptr();
  const at::Tensor result = sum.kernel->run(arguments).value();
  EXPECT_EQ(result.const_data_ptr(), place);
  expect_one_step_apart(result, expected);
}

TEST_F(PointwiseKernel, SumsManyProducts) {
  const Kernel symmetric(
      {4096, 20, "torch.relu(torch.conv2d(x, self.w, self.b))", 0, QScheme::PerTensorSymmetric});
  symmetric.expect_right(1, 3, 4);
}

TEST_F(PointwiseKernel, WritesOverASummandThatNobodyElseHolds) {
  const Kernel sum(sum_of(64, "torch.relu", QScheme::PerTensorAffine));
  const size_t source = sum.plan.source.argument, summand = sum.plan.summand().value();
  std::vector<at::Tensor> arguments(2);
  arguments[source] = sum.partition.int8(noise({2, 64, 7, 9}), source);
  arguments[summand] = sum.partition.int8(noise({2, 64, 7, 9}, 6), summand)
                           .contiguous(at::MemoryFormat::ChannelsLast);
  const at::Tensor expected = sum.partition.unfused(arguments);
  const void* const place = arguments[summand].const_data_ptr();
  const auto result = sum.kernel->run(arguments);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->const_data_ptr(), place);
  expect_one_step_apart(*result, expected);
}

TEST_F(PointwiseKernel, PicksThePixelsThatItSteps) {
  const Kernel stepping({64, 40, "torch.relu(torch.conv2d(x, self.w, self.b, [2, 3]))"});
  ASSERT_TRUE(stepping.kernel);
  stepping.expect_right(2, 9, 10);
  stepping.expect_right(1, 1, 1);
}

TEST_F(PointwiseKernel, ReadsAndWritesAnyLayout) {
  for (const auto layout : {OutputLayout::Any, OutputLayout::Contiguous}) {
    const Kernel pointwise({32, 48}, layout);
    const at::Tensor source = pointwise.partition.int8(noise({2, 32, 9, 10}));
    for (const at::Tensor& lying : layings_of(source)) {
      const at::Tensor result = pointwise.expect_right({lying});
      EXPECT_EQ(result.is_contiguous(), layout == OutputLayout::Contiguous);
    }
  }
}

TEST_F(PointwiseKernel, DividesPixelsAndColumnsAmongThreads) {
  const Kernel narrow({64, 16}), wide({256, 1000});
  const ThreadCount three(3);
  narrow.expect_right(3, 37, 50);
  wide.expect_right(1, 7, 7);
  wide.expect_right(2, 20, 21);
}

TEST_F(PointwiseKernel, IsSharedByThreads) {
  const Kernel pointwise({32, 80});
  on_four_threads([&](int64_t i) {
    for (int64_t size = 1; size < 60; size += 5 + i) pointwise.expect_right(1, size, 20 + size);
  });
}

TEST_F(PointwiseKernel, IsAPartitionsKernel) {
  const Kernel pointwise({32, 16});
  EXPECT_TRUE(is_kernel_of(pointwise.partition, *pointwise.kernel));
}

TEST_F(PointwiseKernel, GivesBackAWeightThatIsItsOwn) {
  const Kernel pointwise({128, 80});
  const at::Tensor before = pointwise.plan.layer.weight.int_repr();
  const auto data = [&] { return pointwise.plan.layer.weight.storage().data(); };
  const auto kernel =
      make_pointwise_kernel(pointwise.plan, "pointwise", OutputLayout::Any, {true}, Weights::Owned);
  EXPECT_EQ(data(), nullptr);
  kernel->restore_weight();
  ASSERT_NE(data(), nullptr);
  EXPECT_TRUE(at::equal(pointwise.plan.layer.weight.int_repr(), before));
}

TEST_F(PointwiseKernel, LeavesWhatDoesNotFitToOneDnnGraph) {
  const Kernel pointwise({32, 16});
  EXPECT_FALSE(pointwise.kernel->run(std::vector{pointwise.partition.int8(noise({1, 28, 6, 20}))}));
}

TEST_F(PointwiseKernel, IsForWhatItKnows) {
  Form wider{32, 16};
  wider.kernel = 3;
  const Form refused[] = {wider,
                          {30, 16},
                          {32, 16, "torch.relu(torch.conv2d(x, self.w, self.b, [1, 1], [1, 1]))"},
                          {32, 16, "torch.relu(torch.conv2d(x, self.w, self.b, [2, 2]))"},
                          {32, 16, "torch.tanh(torch.conv2d(x, self.w, self.b))"}};
  for (const Form& form : refused) {
    EXPECT_FALSE(Kernel(form).kernel) << form.inputs << " " << form.body;
  }
}

}  // namespace
}  // namespace int8graph
