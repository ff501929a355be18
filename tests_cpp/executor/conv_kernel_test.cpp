#include "executor/conv_kernel.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <thread>

#include "executor/conv_primitive.h"
#include "executor/onednn_runtime.h"
#include "testing/ir.h"
#include "testing/kernel.h"
#include "testing/small_models.h"

namespace int8graph {
namespace {

namespace jit = torch::jit;
using Sizes = std::vector<int64_t>;

/// The kernel of the partition at a position of a fused model, and that partition to compare with.
struct Kernel {
  Kernel(const std::string& body, const at::Tensor& input, size_t position = 0,
         OutputLayout layout = OutputLayout::Any)
      : partition(small_model(body), {input}, position),
        plan(conv_plan(*partition.node().g(c10::attr::Subgraph)).value()),
        kernel(make_conv_kernel(plan, "a convolution", layout,
                                std::vector<bool>(partition.node().inputs().size(), true),
                                Weights::Shared)) {}

  at::Tensor expect_right(const std::vector<at::Tensor>& inputs) const {
    return int8graph::expect_right(*kernel, partition, inputs);
  }

  Partition partition;
  ConvPlan plan;
  std::unique_ptr<const PrimitiveKernel> kernel;
};

TEST(ConvKernel, TakesEveryKindOfConvolution) {
  for (const char* name : {"conv2d", "conv2d_no_bias", "conv2d_strided", "conv2d_dilated",
                           "conv2d_grouped", "conv2d_depthwise", "conv2d_same", "conv2d_valid"}) {
    const Kernel conv("return self.exact_conv2d(torch.relu(self." + std::string(name) + "(x)))",
                      small_input(4));
    for (const Sizes& sizes : {Sizes{2, 8, 6, 5}, Sizes{1, 8, 17, 9}}) {
      SCOPED_TRACE(name);
      conv.expect_right({conv.partition.int8(noise(sizes))});
    }
  }
}

TEST(ConvKernel, InOneDimensionAndInThree) {
  const Kernel one("return self.exact_conv1d(torch.relu(self.conv1d(x)))", small_input(3));
  const Kernel three("return self.exact_conv3d(torch.relu(self.conv3d(x)))", small_input(5));
  one.expect_right({one.partition.int8(small_input(3))});
  one.expect_right({one.partition.int8(noise({3, 8, 31}))});
  three.expect_right({three.partition.int8(small_input(5))});
  three.expect_right({three.partition.int8(noise({1, 8, 3, 9, 4}))});
}

/// From 64 channels to 8, by a kernel of one element that steps over the source.
Kernel stepping_kernel(const std::string& dimensions, const std::string& kernel,
                       const std::string& strides, const at::Tensor& input) {
  const std::string conv = "conv" + dimensions;
  return {"w = self.w.repeat([1, 8]).view([8, 64, " + kernel + "])\nz = torch." + conv +
              "(x, w, self.b, " + strides + ")\nreturn self.exact_" + conv + "(torch.relu(z))",
          input};
}

TEST(ConvKernel, PicksThePixelsThatAKernelOfOneElementReads) {
  const Kernel line = stepping_kernel("1d", "1", "[3]", noise({2, 64, 6}));
  const Kernel image = stepping_kernel("2d", "1, 1", "[2, 3]", noise({2, 64, 6, 7}));
  const Kernel volume = stepping_kernel("3d", "1, 1, 1", "[1, 2, 3]", noise({2, 64, 3, 5, 4}));
  EXPECT_EQ(image.plan.subsampling, (Sizes{2, 3}));
  line.expect_right({line.partition.int8(noise({3, 64, 31}))});
  for (const Sizes& sizes : {Sizes{2, 64, 6, 7}, Sizes{1, 64, 1, 3}, Sizes{3, 64, 17, 9}}) {
    const at::Tensor source = image.partition.int8(noise(sizes));
    image.expect_right({source});
    image.expect_right({source.contiguous(at::MemoryFormat::ChannelsLast)});
  }
  volume.expect_right({volume.partition.int8(noise({2, 64, 3, 5, 4}))});
}

TEST(ConvKernel, TakesTransposedOnes) {
  const char* const calls[] = {
      "self.conv_transpose2d(x)",
      "torch.conv_transpose2d(x, self.grouped, None, [1, 1], [1, 1], [0, 0], 2)",
      "torch.conv_transpose2d(x, self.grouped, None, [2, 3], [1, 0], [1, 2], 2)",
      "torch.conv_transpose2d(x, self.grouped, self.b, [2, 1], [0, 0], [0, 0], 2, [1, 2])"};
  for (const char* call : calls) {
    SCOPED_TRACE(call);
    const Kernel conv("return self.exact_conv2d(torch.relu(" + std::string(call) + "))",
                      small_input(4));
    for (const Sizes& sizes : {Sizes{2, 8, 6, 5}, Sizes{1, 8, 3, 17}}) {
      conv.expect_right({conv.partition.int8(noise(sizes))});
    }
    EXPECT_FALSE(conv.kernel->run(std::vector{conv.partition.int8(noise({1, 7, 6, 5}))}));
  }
  const Kernel one("return self.exact_conv1d(torch.relu(self.conv_transpose1d(x)))",
                   small_input(3));
  const Kernel three("return self.exact_conv3d(torch.relu(self.conv_transpose3d(x)))",
                     small_input(5));
  one.expect_right({one.partition.int8(noise({3, 8, 31}))});
  three.expect_right({three.partition.int8(noise({1, 8, 3, 9, 4}))});
}

TEST(ConvKernel, TakesNumbersOfEachChannel) {
  for (const char* tail :
       {"torch.prelu(y, self.scale)", "torch.sigmoid(y) * self.scale.view(8, 1, 1)",
        "torch.tanh(y) - self.scale.view(1, 8, 1, 1)"}) {
    SCOPED_TRACE(tail);
    const Kernel conv("y = self.conv2d(x)\nreturn self.exact_conv2d(" + std::string(tail) + ")",
                      small_input(4));
    EXPECT_TRUE(conv.plan.post_ops.back().by_channel.defined());
    conv.expect_right({conv.partition.int8(noise({2, 8, 6, 5}))});
  }
}

TEST(ConvKernel, TakesThemBehindDepthwiseOnesThatFillVectors) {
  onednn_engine();  // no partition has loaded it
  for (const int64_t channels : {16, 48}) {
    const at::Tensor weight = int8_weight({channels, 1, 3, 3});
    const at::Tensor slopes = noise({channels}, 3);
    const auto graph = ir(R"IR(
graph(%x, %operand, %w, %slopes):
  %scale : float = prim::Constant[value=0.03]()
  %zero_point : int = prim::Constant[value=128]()
  %u8 : int = prim::Constant[value=13]()
  %none : NoneType = prim::Constant()
  %ones : int[] = prim::Constant[value=[1, 1]]()
  %groups : int = prim::Constant[value=)IR" +
                              std::to_string(channels) + R"IR(]()
  %y = int8graph::dequantize(%x, %scale, %zero_point, %u8)
  %v = aten::dequantize(%w)
  %z = aten::conv2d(%y, %v, %none, %ones, %ones, %ones, %groups)
  %p = aten::prelu(%z, %slopes)
  %result = aten::mul(%p, %operand)
  return (%result))IR",
                          {{"w", weight}, {"slopes", slopes}});
    const auto kernel = make_conv_kernel(conv_plan(*graph).value(), "a convolution",
                                         OutputLayout::Any, {false, false}, Weights::Shared);
    const at::Tensor x =
        at::quantize_per_tensor(noise({2, channels, 6, 5}), 0.03, 128, at::kQUInt8);
    const at::Tensor made = at::conv2d(x.dequantize(), weight.dequantize(), {}, 1, 1, 1, channels);
    for (const at::Tensor& operand : {noise({2, channels, 6, 5}), noise({1, channels, 1, 1})}) {
      const auto result = kernel->run(std::vector{x, operand});
      ASSERT_TRUE(result);
      EXPECT_TRUE(at::allclose(*result, at::prelu(made, slopes) * operand, 1e-4, 1e-4));
    }
  }
}

TEST(ConvKernel, PutsZerosAroundOneSideOnly) {
  const Kernel conv("return self.exact_conv2d(self.conv2d_valid(torch.pad(x, [0, 1, 2, 0])))",
                    small_input(4));
  EXPECT_NE(conv.plan.pads_begin, conv.plan.pads_end);
  conv.expect_right({conv.partition.int8(small_input(4))});
}

TEST(ConvKernel, MakesFp32Too) {
  const Kernel conv("return torch.topk(torch.sigmoid(self.conv2d(x)), 2)[0]", small_input(4));
  const at::Tensor result = conv.expect_right({conv.partition.int8(small_input(4))});
  EXPECT_EQ(result.scalar_type(), c10::kFloat);
}

TEST(ConvKernel, TakesAnyStrides) {
  const Kernel conv("return self.exact_conv2d(torch.relu(self.conv2d(x)))", small_input(4));
  const at::Tensor wide = conv.partition.int8(noise({2, 16, 12, 10}));
  const at::Tensor half = wide.slice(1, 3, 11);
  conv.expect_right({half});
  conv.expect_right({half.transpose(2, 3)});
  conv.expect_right({half.slice(2, 0, 12, 2)});
  conv.expect_right({half.contiguous(at::MemoryFormat::ChannelsLast)});
  conv.expect_right({half.slice(0, 0, 1).expand({3, 8, 12, 10})});
}

TEST(ConvKernel, LeavesTheResultChannelsLastOrContiguous) {
  const std::string body = "return self.exact_conv2d(torch.relu(self.conv2d(x)))";
  for (const auto layout : {OutputLayout::Any, OutputLayout::Contiguous}) {
    const Kernel conv(body, small_input(4), 0, layout);
    const at::Tensor result = conv.expect_right({conv.partition.int8(small_input(4))});
    EXPECT_EQ(result.is_contiguous(), layout == OutputLayout::Contiguous);
    EXPECT_EQ(result.is_contiguous(at::MemoryFormat::ChannelsLast), layout == OutputLayout::Any);
  }
}

Kernel sum_kernel() {
  return {
      "a = torch.relu(self.conv2d(x))\nb = torch.relu(self.conv2d_second(x))\n"
      "return self.exact_conv2d(torch.relu(self.conv2d(a) + b))",
      small_input(4), 2};
}

TEST(ConvKernel, AddsASummandOfAnyStrides) {
  const Kernel sum = sum_kernel();
  const size_t summand = sum.plan.summand().value();
  const size_t source = sum.plan.source.argument;
  std::vector<at::Tensor> inputs(2);
  inputs[source] = sum.partition.int8(noise({2, 8, 6, 5}), source);
  const at::Tensor other = sum.partition.int8(noise({2, 8, 5, 6}, 2), summand).transpose(2, 3);
  for (const at::Tensor& form :
       {other, other.contiguous(), other.contiguous(at::MemoryFormat::ChannelsLast)}) {
    inputs[summand] = form;
    sum.expect_right(inputs);
    EXPECT_TRUE(at::equal(inputs[summand].int_repr(), other.int_repr()));  // still held
  }
}

/// The arguments of a convolution with one operand.
std::vector<at::Tensor> with_operand(const Kernel& conv, const at::Tensor& source,
                                     const at::Tensor& operand) {
  std::vector<at::Tensor> inputs(2, operand);
  inputs[conv.plan.source.argument] = conv.partition.int8(source, conv.plan.source.argument);
  return inputs;
}

TEST(ConvKernel, TakesFloatsOfAnyFormForAnOperand) {
  for (const char* result : {"self.exact_conv2d({})", "torch.topk({}, 2)[0]"}) {
    const Kernel conv("y = torch.sigmoid(self.conv2d(x)) * x.abs()\nreturn " +
                          std::string(result).replace(std::string(result).find("{}"), 2, "y"),
                      small_input(4));
    const at::Tensor source = noise({2, 8, 6, 5});
    const at::Tensor whole = noise({2, 8, 6, 10}, 3);
    for (const at::Tensor& operand :
         {whole.slice(3, 0, 5).contiguous(), whole.slice(3, 0, 10, 2),
          whole.slice(3, 0, 5).contiguous(at::MemoryFormat::ChannelsLast),
          noise({2, 8, 5, 6}).transpose(2, 3), noise({2, 8, 1, 1}), noise({1, 8, 1, 1}),
          noise({8, 1, 1}), noise({1, 16, 1, 1}).slice(1, 0, 16, 2), noise({2, 1, 6, 5}),
          noise({5}), noise({1, 1, 1, 1}), noise({})}) {
      SCOPED_TRACE(c10::str(result, " ", operand.sizes(), " ", operand.strides()));
      conv.expect_right(with_operand(conv, source, operand));
    }
    EXPECT_FALSE(conv.kernel->run(with_operand(conv, source, noise({3, 8, 6, 5}))));
    EXPECT_FALSE(conv.kernel->run(with_operand(conv, noise({1, 8, 1, 1}), noise({1, 8, 2, 2}))));
  }
}

TEST(ConvKernel, TakesFloatsForAnOperandInOneDimensionAndInThree) {
  const Kernel one("return torch.topk(self.conv1d(x) + x.abs(), 2)[0]", small_input(3));
  const Kernel three("return torch.topk(self.conv3d(x) + x.abs(), 2)[0]", small_input(5));
  one.expect_right(with_operand(one, small_input(3), noise({2, 8, 6}, 3)));
  three.expect_right(with_operand(three, small_input(5), noise({2, 8, 6, 5, 4}, 3)));
}

TEST(ConvKernel, AddsAConstant) {
  const Kernel conv("return self.exact_conv2d(torch.relu(self.conv2d(x)) + self.place)",
                    small_input(4));
  EXPECT_TRUE(conv.plan.post_ops.back().constant.defined());
  conv.expect_right({conv.partition.int8(small_input(4))});
}

TEST(ConvKernel, AddsTheSameFloatsTwice) {
  const Kernel conv("y = x.abs()\nreturn torch.topk((self.conv2d(x) + y) * y, 2)[0]",
                    small_input(4));
  conv.expect_right(with_operand(conv, small_input(4), noise({2, 8, 6, 5}, 3)));
}

TEST(ConvKernel, DoesNotOverwriteItsSource) {
  const Kernel sum(
      "y = torch.relu(self.conv2d(x))\n"
      "return self.exact_conv2d(torch.relu(self.conv2d_second(y) + y))",
      small_input(4), 1);
  ASSERT_EQ(sum.partition.node().inputs().size(), 1);
  const auto form = [&] {
    return sum.partition.int8(noise({2, 8, 6, 5})).contiguous(at::MemoryFormat::ChannelsLast);
  };
  std::vector<at::Tensor> unique = {form()};
  expect_one_step_apart(sum.kernel->run(unique).value(), sum.partition.unfused({form()}));
}

TEST(ConvKernel, AddsASummandThatBroadcasts) {
  const Kernel sum = sum_kernel();
  const size_t summand = sum.plan.summand().value();
  std::vector<at::Tensor> inputs(2, sum.partition.int8(noise({2, 8, 6, 5}), 0));
  for (const Sizes& sizes : {Sizes{2, 8, 1, 1}, Sizes{1, 8, 6, 5}, Sizes{8, 1, 1}, Sizes{5}}) {
    inputs[summand] = sum.partition.int8(noise(sizes, 2), summand);
    sum.expect_right(inputs);
  }
  inputs[summand] = sum.partition.int8(noise({4, 8, 6, 5}, 2), summand);
  EXPECT_FALSE(sum.kernel->run(inputs));
}

TEST(ConvKernel, LeavesSourcesThatItDoesNotFit) {
  const Kernel conv("return self.exact_conv2d(torch.relu(self.conv2d_valid(x)))", small_input(4));
  const auto takes = [&](c10::IntArrayRef sizes) {
    const std::vector<at::Tensor> inputs = {conv.partition.int8(noise(sizes))};
    return conv.kernel->run(inputs).has_value();
  };
  EXPECT_TRUE(takes({1, 8, 6, 5}));
  EXPECT_FALSE(takes({8, 6, 5}));
  EXPECT_FALSE(takes({1, 7, 6, 5}));
  EXPECT_FALSE(takes({1, 8, 2, 5}));
}

TEST(ConvKernel, ThreadsShareTheWeight) {
  const Kernel conv("return self.exact_conv2d(torch.relu(self.conv2d(x)))", small_input(4));
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      for (int64_t size = 1; size < 40; size += 1 + i) {
        conv.expect_right({conv.partition.int8(noise({1, 8, size, 7}))});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(ConvConstants, PackAWeightOnceForAllSizesOfOneLayout) {
  const Kernel conv("return self.exact_conv2d(torch.relu(self.conv2d(x)))", small_input(4));
  const ConvConstants constants(conv.plan, Weights::Shared);
  const ConvPrimitive small(conv.plan, constants, {{1, 8, 8, 8}, {1, 8, 8, 8}, {}});
  const ConvPrimitive large(conv.plan, constants, {{1, 8, 64, 64}, {1, 8, 64, 64}, {}});
  const auto weight_of = [](const PrimitiveConstants& all) {
    for (const dnnl_exec_arg_t& argument : all.arguments()) {
      void* data = nullptr;
      if (argument.arg == DNNL_ARG_WEIGHTS) dnnl_memory_get_data_handle(argument.memory, &data);
      if (data != nullptr) return data;
    }
    return static_cast<void*>(nullptr);
  };
  ASSERT_EQ(small.weight_layout(), large.weight_layout());
  EXPECT_EQ(weight_of(constants.with_weight(small.weight_layout())),
            weight_of(constants.with_weight(large.weight_layout())));
}

}  // namespace
}  // namespace int8graph
