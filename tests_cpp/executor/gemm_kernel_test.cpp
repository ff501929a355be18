#include "executor/gemm_kernel.h"

#include <ATen/ATen.h>

#include <array>
#include <cmath>
#include <string>

#include "executor/gemm.h"
#include "executor/tensor_bridge.h"
#include "testing/kernel.h"
#include "testing/needs_avx512_vnni.h"
#include "testing/small_models.h"
#include "testing/three_threads.h"

namespace int8graph {
namespace {

namespace jit = torch::jit;
using Texts = std::vector<std::string>;

const std::string kLinear = "torch.linear(x, self.w, self.b)";
const std::string kSum = kLinear + " + other";

/// A linear layer.
struct Form {
  int64_t inputs, outputs;
  std::string body = kLinear;  ///< its result, of %x and %other
  QScheme qscheme = QScheme::PerTensorAffine;
  bool is_quantized = true;  ///< the result, as another layer reads it
};

jit::Module model(const Form& form) {
  const double scale = 1 / std::sqrt(static_cast<double>(form.inputs));
  return module_of(
      {{"w", noise({form.outputs, form.inputs}, 2) * scale},
       {"b", noise({form.outputs}, 3)},
       {"transposed", noise({form.inputs, form.outputs}, 2) * scale},
       {"second", noise({8, form.outputs}, 5)}},
      "def forward(self, x, other):\n  y = " + form.body + "\n  return " +
          (form.is_quantized ? "torch.linear(y, self.second)" : "torch.topk(y, 1)[0]") + "\n");
}

/// The kernel of a partition, if it is for our own GEMM, and that partition to compare with.
struct Kernel {
  explicit Kernel(const Form& form, Weights weights = Weights::Shared)
      : inputs(form.inputs),
        outputs(form.outputs),
        partition(model(form), {noise({5, inputs}), noise({5, outputs}, 6)}, 0, form.qscheme),
        plan(linear_plan(*partition.node().g(c10::attr::Subgraph)).value()) {
    const std::vector<bool> reusable(partition.node().inputs().size(), true);
    if (can_be_gemm(plan, plan.channel_axis)) {
      kernel = make_gemm_kernel(plan, "gemm", reusable, weights);
    }
  }

  std::vector<at::Tensor> arguments(const at::Tensor& source, const at::Tensor& other) const {
    std::vector<at::Tensor> result(partition.node().inputs().size(), other);
    result[plan.source.argument] = partition.int8(source, plan.source.argument);
    return result;
  }

  at::Tensor expect_right(const at::Tensor& source, const at::Tensor& other) const {
    return int8graph::expect_right(*kernel, partition, arguments(source, other));
  }

  void expect_right(int64_t rows) const {
    expect_right(noise({rows, inputs}), noise({rows, outputs}, 6));
  }

  int64_t inputs, outputs;
  Partition partition;
  LinearPlan plan;
  std::unique_ptr<const PrimitiveKernel> kernel;
};

using GemmKernel = NeedsAvx512VnniWithoutAmx;

TEST_F(GemmKernel, OfAnySizes) {
  for (const auto& [inputs, outputs] :
       {std::array<int64_t, 2>{4, 1}, {12, 47}, {64, 64}, {100, 65}, {768, 200}, {20, 1000}}) {
    SCOPED_TRACE(c10::str(inputs, " to ", outputs));
    for (const auto qscheme : {QScheme::PerTensorAffine, QScheme::PerTensorSymmetric}) {
      const Kernel linear({inputs, outputs, kLinear, qscheme}),
          sum({inputs, outputs, kSum, qscheme, /*is_quantized=*/false}),
          gelu({inputs, outputs, "torch.gelu(" + kLinear + ")", qscheme});
      for (const Kernel* each : {&linear, &sum, &gelu}) {
        ASSERT_TRUE(each->kernel);
        for (const int64_t rows : {1, 2, 6, 7, 13, 100, 300}) each->expect_right(rows);
      }
    }
  }
}

TEST_F(GemmKernel, WithWhatStandsBehindIt) {
  for (const auto qscheme : {QScheme::PerTensorAffine, QScheme::PerTensorSymmetric}) {
    for (const std::string& body :
         Texts{"torch.linear(x, self.w)", "torch.relu(torch.linear(x, self.w, self.b))",
               "torch.clamp(torch.linear(x, self.w, self.b), -0.5, 0.8)",
               "torch.gelu(torch.linear(x, self.w))",
               "torch.relu(torch.gelu(torch.linear(x, self.w)))",
               "torch.matmul(x, self.transposed)"}) {
      SCOPED_TRACE(body);
      const Kernel layer({64, 100, body, qscheme});
      ASSERT_TRUE(layer.kernel);
      layer.expect_right(70);
    }
    for (const std::string& body :
         Texts{"torch.linear(x, self.w)", kSum, "torch.relu(" + kSum + ")",
               "other + torch.linear(x, self.w)"}) {
      SCOPED_TRACE(body);
      const Kernel layer({64, 100, body, qscheme, /*is_quantized=*/false});
      ASSERT_TRUE(layer.kernel);
      layer.expect_right(70);
    }
  }
}

TEST_F(GemmKernel, AddsASummandThatBroadcasts) {
  const Kernel sum({32, 40, kSum, QScheme::PerTensorAffine, /*is_quantized=*/false});
  sum.expect_right(noise({70, 32}), noise({40, 70}, 2).t());
  sum.expect_right(noise({70, 32}), noise({1, 40}, 2));
  sum.expect_right(noise({3, 5, 32}), noise({5, 1}, 2));
  sum.expect_right(noise({9, 32}), noise({}, 2));
  sum.expect_right(noise({32}), noise({40}, 2));
  const auto takes = [&](const at::Tensor& source, const at::Tensor& other) {
    return sum.kernel->run(sum.arguments(source, other)).has_value();
  };
  EXPECT_FALSE(takes(noise({5, 32}), noise({3, 5, 40}, 2)));
  EXPECT_FALSE(takes(noise({5, 32}), noise({5, 7}, 2)));
  EXPECT_FALSE(takes(noise({5, 36}), noise({5, 40}, 2)));
}

TEST_F(GemmKernel, WritesOverASummandThatNobodyElseHolds) {
  const Kernel sum({64, 72, kSum, QScheme::PerTensorAffine, /*is_quantized=*/false});
  std::vector<at::Tensor> arguments = sum.arguments(noise({9, 64}), noise({9, 72}, 6));
  const at::Tensor expected = sum.partition.unfused(arguments);
  const size_t summand = 1 - sum.plan.source.argument;
  at::Tensor held = arguments[summand];
  const at::Tensor before = held.clone();
  const auto elsewhere = sum.kernel->run(arguments);
  EXPECT_TRUE(at::equal(held, before));
  EXPECT_TRUE(at::allclose(elsewhere.value(), expected, 1e-4, 1e-4));
  const void* const place = held.const_data_ptr();
  held.reset();
  const at::Tensor result = sum.kernel->run(arguments).value();
  EXPECT_EQ(result.const_data_ptr(), place);
  EXPECT_TRUE(at::allclose(result, expected, 1e-4, 1e-4));
}

TEST_F(GemmKernel, LeavesASummandAloneWhereItsResultIsInt8) {
  const Kernel sum({64, 72, kSum, QScheme::PerTensorAffine, /*is_quantized=*/false});
  LinearPlan plan = sum.plan;
  plan.quantizer = make_quantizer({0.05, 100, static_cast<int64_t>(c10::kQUInt8)});
  std::vector<at::Tensor> arguments = sum.arguments(noise({9, 64}), noise({9, 72}, 6));
  const void* const place = arguments[1 - plan.source.argument].const_data_ptr();
  const at::Tensor expected =
      at::quantize_per_tensor(sum.partition.unfused(arguments), 0.05, 100, c10::kQUInt8);
  const at::Tensor result =
      make_gemm_kernel(plan, "gemm", {true, true}, Weights::Shared)->run(arguments).value();
  EXPECT_NE(result.const_data_ptr(), place);
  expect_one_step_apart(result, expected);
}

TEST_F(GemmKernel, TakesAnyRankAndStrides) {
  const Kernel linear({32, 40});
  const at::Tensor wide = linear.partition.int8(noise({5, 6, 64}));
  for (const at::Tensor& source :
       {wide.slice(2, 3, 35), wide.slice(2, 0, 32).transpose(0, 1), wide.view({2, 15, 2, 32})}) {
    expect_right(*linear.kernel, linear.partition, {source});
  }
  EXPECT_FALSE(linear.kernel->run(std::vector{linear.partition.int8(noise({}))}));
}

TEST_F(GemmKernel, DividesRowsAndColumnsAmongThreads) {
  const Kernel gelu({256, 1000, "torch.gelu(torch.linear(x, self.w, self.b))"}),
      sum({64, 200, kSum, QScheme::PerTensorAffine, /*is_quantized=*/false}), narrow({64, 16});
  const ThreadCount three(3);
  for (const int64_t rows : {1, 50, 700}) {
    gelu.expect_right(rows);
    sum.expect_right(rows);
  }
  narrow.expect_right(5000);
}

TEST_F(GemmKernel, IsSharedByThreads) {
  const Kernel sum({64, 80, kSum, QScheme::PerTensorAffine, /*is_quantized=*/false});
  on_four_threads([&](int64_t i) {
    for (int64_t rows = 1; rows < 90; rows += 3 + i) sum.expect_right(rows);
  });
}

TEST_F(GemmKernel, IsAPartitionsKernel) {
  const Kernel linear({32, 16});
  EXPECT_TRUE(is_kernel_of(linear.partition, *linear.kernel));
}

TEST_F(GemmKernel, GivesBackAWeightThatIsItsOwn) {
  const Kernel linear({128, 80}, Weights::Owned);
  const auto data = [&] { return linear.plan.layer.weight.storage().data(); };
  EXPECT_EQ(data(), nullptr);
  linear.kernel->restore_weight();
  ASSERT_NE(data(), nullptr);
  linear.expect_right(9);
}

TEST_F(GemmKernel, IsForWhatItKnows) {
  for (const Form& form : {Form{30, 16},
                           {32, 16, "torch.tanh(torch.linear(x, self.w, self.b))"},
                           {32, 16, "torch.gelu(torch.linear(x, self.w)) + other"},
                           {32, 16, "torch.linear(x, self.w) * other"}}) {
    EXPECT_FALSE(Kernel(form).kernel) << form.inputs << " " << form.body;
  }
}

}  // namespace
}  // namespace int8graph
