#include "executor/matmul_kernel.h"

#include <gtest/gtest.h>

#include <thread>

#include "testing/needs_avx512_vnni.h"
#include "testing/partition.h"
#include "testing/small_models.h"

namespace int8graph {
namespace {

namespace jit = torch::jit;

/// The kernel of the partition at a position of a fused model, and that partition to compare with.
struct Kernel {
  Kernel(const std::string& body, const at::Tensor& input, size_t position)
      : partition(small_model(body), {input}, position),
        kernel(make_matmul_kernel(matmul_plan(*partition.node().g(c10::attr::Subgraph)).value(),
                                  "a matmul", OutputLayout::Any, Weights::Shared)) {}

  void expect_right(const std::vector<at::Tensor>& inputs) const {
    const auto run = kernel->run(inputs);
    ASSERT_TRUE(run);
    const at::Tensor& result = *run;
    const at::Tensor expected = partition.unfused(inputs);
    EXPECT_TRUE(result.is_contiguous());
    EXPECT_FALSE(result.is_view());
    if (result.is_quantized()) return expect_one_step_apart(result, expected);
    EXPECT_TRUE(at::allclose(result, expected, 1e-4, 1e-4));
  }

  Partition partition;
  std::unique_ptr<const PrimitiveKernel> kernel;
};

Kernel linear_kernel() {
  return {"return self.exact_linear(torch.gelu(self.linear(x)))", small_input(2), 0};
}

TEST(LinearKernel, TakesAnyNumberOfRows) {
  const Kernel linear = linear_kernel();
  for (const int64_t rows : {1, 2, 7, 8, 9, 27, 45, 63, 64, 65, 197, 300, 513}) {
    linear.expect_right({linear.partition.int8(noise({rows, kChannels}))});
  }
}

TEST(LinearKernel, TakesAnyRankAndStrides) {
  const Kernel linear = linear_kernel();
  const at::Tensor wide = linear.partition.int8(noise({5, 6, 2 * kChannels}));
  linear.expect_right({linear.partition.int8(noise({kChannels}))});
  linear.expect_right({linear.partition.int8(noise({2, 3, 4, kChannels}))});
  linear.expect_right({wide.slice(2, 3, 3 + kChannels)});
  linear.expect_right({wide.slice(2, 0, kChannels).transpose(0, 1)});
}

TEST(LinearKernel, AddsAnOperandThatBroadcasts) {
  const Kernel linear("y = self.linear(x)\nreturn torch.topk(self.linear_second(y) + x, 2)[0]",
                      small_input(2), 1);
  ASSERT_EQ(linear.partition.node().inputs().size(), 2);
  const auto subgraph = linear.partition.node().g(c10::attr::Subgraph);
  const auto plan = matmul_plan(*subgraph).value();
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
  const Kernel linear("return self.exact_linear(torch.gelu(self.linear(x)) + self.w[:2])",
                      small_input(2), 0);
  linear.expect_right({linear.partition.int8(small_input(2))});
  linear.expect_right({linear.partition.int8(noise({3, 2, kChannels}))});
}

TEST(LinearKernel, AddsAnOperandInInt8) {
  for (const char* sum : {"self.linear_second(y) + x", "x + self.linear_second(y)"}) {
    const Kernel linear("y = self.linear(x)\nreturn self.exact_linear(" + std::string(sum) + ")",
                        small_input(2), 1);
    const auto plan = matmul_plan(*linear.partition.node().g(c10::attr::Subgraph)).value();
    const size_t source = plan.source.argument;
    for (const int64_t rows : {1, 9, 64, 70, 300}) {
      std::vector<at::Tensor> inputs(2);
      inputs[source] = linear.partition.int8(noise({rows, kChannels}), source);
      inputs[1 - source] = linear.partition.int8(noise({rows, kChannels}, 2), 1 - source);
      linear.expect_right(inputs);
    }
  }
}

TEST(LinearKernel, TakesPReluOfAMatrixOnly) {
  const Kernel linear("return self.exact_linear(torch.prelu(self.linear(x), self.scale))",
                      small_input(2), 0);
  linear.expect_right({linear.partition.int8(noise({5, kChannels}))});
  linear.expect_right({linear.partition.int8(noise({70, kChannels}))});
  EXPECT_FALSE(linear.kernel->run(std::vector{linear.partition.int8(noise({3, 8, kChannels}))}));
}

TEST(LinearKernel, ThreadsShareTheWeight) {
  const Kernel linear = linear_kernel();
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

class ProductKernel : public NeedsAvx512Vnni {};

Kernel product_kernel() {
  return {"return torch.topk(torch.matmul(x, x.transpose(1, 2)) / 2.0, 2)[0]", noise({2, 6, 5}), 0};
}

TEST_F(ProductKernel, TakesAnySizesAndStrides) {
  const Kernel product = product_kernel();
  ASSERT_EQ(product.partition.node().inputs().size(), 2);
  const auto pair = [&](const at::Tensor& a, const at::Tensor& b) {
    return std::vector<at::Tensor>{product.partition.int8(a, 0), product.partition.int8(b, 1)};
  };
  product.expect_right(pair(noise({2, 6, 5}), noise({2, 5, 6})));
  product.expect_right(pair(noise({1, 1, 5}), noise({1, 5, 1})));
  product.expect_right(pair(noise({3, 4, 70, 9}), noise({3, 4, 9, 33})));
  auto turned = pair(noise({2, 5, 6}), noise({2, 6, 5}));
  product.expect_right({turned[0].transpose(1, 2), turned[1].transpose(1, 2)});
  auto sparse = pair(noise({2, 6, 10}), noise({2, 5, 14}));
  product.expect_right({sparse[0].slice(2, 0, 10, 2), sparse[1].slice(2, 0, 14, 2)});
}

TEST_F(ProductKernel, AddsMasksThatBroadcastWhateverTheirStrides) {
  const jit::Module model = small_model(
      "return torch.topk(torch.matmul(x, x.transpose(2, 3)) / 2.0 + mask, 2)[0]", "x, mask");
  const at::Tensor x = noise({2, 3, 6, 5});
  const Partition partition(model, {x, noise({1, 1, 6, 6})}, 0);
  ASSERT_EQ(partition.node().inputs().size(), 3);
  const auto plan = matmul_plan(*partition.node().g(c10::attr::Subgraph)).value();
  const auto kernel = make_matmul_kernel(plan, "masked", OutputLayout::Any, Weights::Shared);
  const at::Tensor wide = noise({2, 3, 20, 20}, 3);
  const std::vector<at::Tensor> masks = {
      noise({1, 1, 6, 6}, 2),
      wide.slice(0, 0, 1).slice(1, 0, 1).slice(2, 0, 6).slice(3, 0, 6),
      wide.slice(2, 0, 6).slice(3, 0, 6),
      wide.slice(2, 0, 6).slice(3, 0, 6).transpose(2, 3),
      wide.slice(1, 0, 1).slice(2, 0, 1).slice(3, 0, 6),
      wide.slice(0, 0, 1).slice(2, 0, 6).slice(3, 0, 1),
      noise({1, 1, 6, 6}, 2).expand({2, 3, 6, 6}),
  };
  for (const at::Tensor& mask : masks) {
    std::vector<at::Tensor> inputs(3, mask);
    const size_t left = plan.source.argument;
    const size_t right = plan.second->argument;
    inputs[left] = partition.int8(x, left);
    inputs[right] = partition.int8(x.transpose(2, 3), right);
    const auto result = kernel->run(inputs);
    ASSERT_TRUE(result) << mask.sizes();
    EXPECT_TRUE(at::allclose(*result, partition.unfused(inputs), 1e-4, 1e-4)) << mask.strides();
  }
}

TEST_F(ProductKernel, PutsHeadsInsideWhereItsReadersWantThem) {
  const at::Tensor x = noise({2, 3, 6, 5});
  const Partition partition(
      small_model("return torch.topk(torch.matmul(x, x.transpose(2, 3)) / 2.0, 2)[0]"), {x}, 0);
  const auto plan = matmul_plan(*partition.node().g(c10::attr::Subgraph)).value();
  const std::vector<at::Tensor> inputs = {partition.int8(x, 0),
                                          partition.int8(x.transpose(2, 3), 1)};
  const auto run = [&](OutputLayout layout, const std::vector<at::Tensor>& arguments) {
    return make_matmul_kernel(plan, "heads", layout, Weights::Shared)->run(arguments).value();
  };
  const at::Tensor inside = run(OutputLayout::HeadsInside, inputs);
  EXPECT_TRUE(inside.transpose(1, 2).is_contiguous());
  EXPECT_TRUE(at::equal(inside, run(OutputLayout::Any, inputs)));
  EXPECT_TRUE(at::allclose(inside, partition.unfused(inputs), 1e-4, 1e-4));
  const std::vector<at::Tensor> of_rank_3 = {inputs[0][0], inputs[1][0]};
  EXPECT_TRUE(run(OutputLayout::HeadsInside, of_rank_3).is_contiguous());
}

TEST_F(ProductKernel, LeavesBroadcastingToOneDnnGraph) {
  const Kernel product = product_kernel();
  const auto takes = [&](const at::Tensor& a, const at::Tensor& b) {
    const std::vector<at::Tensor> pair = {product.partition.int8(a, 0),
                                          product.partition.int8(b, 1)};
    return product.kernel->run(pair).has_value();
  };
  EXPECT_TRUE(takes(noise({2, 6, 5}), noise({2, 5, 6})));
  EXPECT_FALSE(takes(noise({2, 6, 5}), noise({1, 5, 6})));
  EXPECT_FALSE(takes(noise({2, 6, 5}), noise({5, 6})));
  EXPECT_FALSE(takes(noise({2, 6, 5}), noise({2, 6, 5})));
}

}  // namespace
}  // namespace int8graph
