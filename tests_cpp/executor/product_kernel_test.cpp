#include "executor/product_kernel.h"

#include <gtest/gtest.h>

#include "testing/kernel.h"
#include "testing/needs_avx512_vnni.h"
#include "testing/three_threads.h"

namespace int8graph {
namespace {

namespace jit = torch::jit;

class ProductKernel : public NeedsAvx512Vnni {};

KernelUnderTest product_kernel() {
  return {"return torch.topk(torch.matmul(x, x.transpose(1, 2)) / 2.0, 2)[0]", noise({2, 6, 5}), 0};
}

TEST_F(ProductKernel, TakesAnySizesAndStrides) {
  const KernelUnderTest product = product_kernel();
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

TEST_F(ProductKernel, RunsOnSeveralThreads) {
  const ThreadCount three(3);
  const KernelUnderTest product = product_kernel();
  const auto expect_right = [&](const at::Tensor& a, const at::Tensor& b) {
    product.expect_right({product.partition.int8(a, 0), product.partition.int8(b, 1)});
  };
  expect_right(noise({2, 6, 5}), noise({2, 5, 6}));
  expect_right(noise({1, 12, 197, 64}), noise({1, 12, 64, 197}));
  expect_right(noise({700, 90}), noise({90, 300}));
}

// Whether by a primitive or by oneDNN Graph.
TEST_F(ProductKernel, MultipliesByAKeyThatAllHeadsShare) {
  const KernelUnderTest product = product_kernel();
  const PartitionKernel kernel(product.partition.node());
  const at::Tensor query = product.partition.int8(noise({2, 4, 6, 5}), 0);
  const at::Tensor key = product.partition.int8(noise({2, 1, 5, 6}), 1).expand({2, 4, 5, 6});
  ASSERT_EQ(key.stride(1), 0);
  EXPECT_TRUE(at::allclose(product.partition.fused(kernel, {query, key}),
                           product.partition.unfused({query, key.contiguous()}), 1e-4, 1e-4));
}

TEST_F(ProductKernel, AddsMasksThatBroadcastWhateverTheirStrides) {
  const jit::Module model = small_model(
      "return torch.topk(torch.matmul(x, x.transpose(2, 3)) / 2.0 + mask, 2)[0]", "x, mask");
  const at::Tensor x = noise({2, 3, 6, 5});
  const Partition partition(model, {x, noise({1, 1, 6, 6})}, 0);
  ASSERT_EQ(partition.node().inputs().size(), 3);
  const auto plan = product_plan(*partition.node().g(c10::attr::Subgraph)).value();
  const auto kernel = make_product_kernel(plan, "masked", OutputLayout::Any);
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
    const size_t right = plan.second.argument;
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
  const auto plan = product_plan(*partition.node().g(c10::attr::Subgraph)).value();
  const std::vector<at::Tensor> inputs = {partition.int8(x, 0),
                                          partition.int8(x.transpose(2, 3), 1)};
  const auto run = [&](OutputLayout layout, const std::vector<at::Tensor>& arguments) {
    return make_product_kernel(plan, "heads", layout)->run(arguments).value();
  };
  const at::Tensor inside = run(OutputLayout::HeadsInside, inputs);
  EXPECT_TRUE(inside.transpose(1, 2).is_contiguous());
  EXPECT_TRUE(at::equal(inside, run(OutputLayout::Any, inputs)));
  EXPECT_TRUE(at::allclose(inside, partition.unfused(inputs), 1e-4, 1e-4));
  const std::vector<at::Tensor> of_rank_3 = {inputs[0][0], inputs[1][0]};
  EXPECT_TRUE(run(OutputLayout::HeadsInside, of_rank_3).is_contiguous());
}

TEST_F(ProductKernel, LeavesBroadcastingToOneDnnGraph) {
  const KernelUnderTest product = product_kernel();
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
