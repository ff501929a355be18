#include "executor/attention_kernel.h"

#include <gtest/gtest.h>

#include <cmath>
#include <thread>

#include "executor/attention_plan.h"
#include "testing/needs_avx512_vnni.h"
#include "testing/partition.h"
#include "testing/small_models.h"
#include "testing/three_threads.h"

namespace int8graph {
namespace {

constexpr int64_t kHeads = 2;
constexpr int64_t kWidth = kChannels / kHeads;

/// An attention with a mask, whose result's heads are put side by side for a linear layer.
const std::string kMasked =
    "p = torch.softmax(torch.matmul(q, k.transpose(2, 3)) / 2.0 + mask, -1)\n"
    "y = torch.matmul(p, v).transpose(1, 2)\n"
    "return self.exact_linear(torch.reshape(y, [q.size(0), q.size(2), 8]))";

struct Inputs {
  at::Tensor query, key, value, mask;
};

/// Of sequences whose heads lie inside, as linear layers leave them.
Inputs inputs_of(int64_t batch, int64_t queries, int64_t keys, int64_t heads = kHeads) {
  const auto sequence = [&](int64_t length, uint64_t seed) {
    return noise({batch, length, heads, kWidth}, seed).transpose(1, 2);
  };
  return {sequence(queries, 1), sequence(keys, 2), sequence(keys, 3),
          noise({batch, 1, 1, keys}, 4)};
}

/// The kernel of a fused attention, and that partition to compare with.
struct Kernel {
  explicit Kernel(const std::string& body = kMasked,
                  OutputLayout layout = OutputLayout::HeadsInside)
      : partition(small_model(body, "q, k, v, mask"), values_of(inputs_of(2, 6, 5)), 0),
        plan(attention_plan(attention_graph(subgraph()).value()).value()),
        kernel(make_attention_kernel(subgraph(), "an attention", layout, {})) {}

  torch::jit::Graph& subgraph() const { return *partition.node().g(c10::attr::Subgraph); }

  static std::vector<c10::IValue> values_of(const Inputs& inputs) {
    return {inputs.query, inputs.key, inputs.value, inputs.mask};
  }

  std::vector<at::Tensor> arguments_of(const Inputs& inputs) const {
    std::vector<at::Tensor> arguments(partition.node().inputs().size(), inputs.mask);
    const auto quantize = [&](const at::Tensor& values, size_t i) {
      arguments[i] = partition.int8(values, i);
    };
    quantize(inputs.query, plan.scores.source.argument);
    quantize(inputs.key.transpose(-1, -2), plan.scores.second.argument);
    quantize(inputs.value, plan.mean.second.argument);
    return arguments;
  }

  at::Tensor expect_right(const std::vector<at::Tensor>& arguments) const {
    const auto result = kernel->run(arguments);
    EXPECT_TRUE(result);
    if (!result) return {};
    expect_one_step_apart(*result, partition.unfused(arguments));
    return *result;
  }

  at::Tensor expect_right(const Inputs& inputs) const { return expect_right(arguments_of(inputs)); }

  Partition partition;
  AttentionPlan plan;
  std::unique_ptr<const PrimitiveKernel> kernel;
};

class AttentionKernel : public NeedsAvx512Vnni {};

TEST_F(AttentionKernel, TakesOneLengthAsItIs) {
  const Kernel attention;
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(attention.expect_right(inputs_of(2, 6, 5)).transpose(1, 2).is_contiguous());
  }
}

TEST_F(AttentionKernel, PadsLengthsThatVary) {
  const Kernel attention;
  const auto run = [&](int64_t batch, int64_t queries, int64_t keys) {
    SCOPED_TRACE(c10::str(batch, " sequences, ", queries, " queries, ", keys, " keys"));
    attention.expect_right(inputs_of(batch, queries, keys));
  };
  for (const int64_t length : {1, 2, 5, 15, 16, 17, 33, 70, 128, 300}) run(1, length, length);
  run(3, 5, 40);
  run(3, 40, 5);
  run(1, 1, 77);
  run(5, 16, 16);
}

TEST_F(AttentionKernel, ComputesSomeHeadsOrQueriesAtATime) {
  for (const bool is_padded : {false, true}) {
    const Kernel attention;
    if (is_padded) attention.expect_right(inputs_of(1, 3, 4));
    attention.expect_right(inputs_of(1, 300, 310, 6));
    attention.expect_right(inputs_of(2, 700, 900));
    attention.expect_right(inputs_of(1, 135, 4000, 1));
  }
}

TEST_F(AttentionKernel, TakesManySequencesAtATime) {
  for (const bool is_padded : {false, true}) {
    const Kernel attention;
    if (is_padded) attention.expect_right(inputs_of(1, 3, 4));
    attention.expect_right(inputs_of(32, 5, 7));
    attention.expect_right(inputs_of(7, 300, 300));
    attention.expect_right(inputs_of(8, 300, 301));
    Inputs inputs = inputs_of(4, 9, 5);
    inputs.mask = noise({1, 2, 9, 5}, 4);
    attention.expect_right(inputs);
  }
}

TEST_F(AttentionKernel, RunsOnSeveralThreads) {
  for (const int count : {2, 3}) {
    const ThreadCount threads(count);
    const Kernel attention;
    Inputs inputs = inputs_of(1, 1000, 1000);
    inputs.mask = noise({1, 2, 1000, 1000}, 4);
    attention.expect_right(inputs);
    attention.expect_right(inputs_of(3, 33, 44));
    attention.expect_right(inputs_of(3, 600, 900));
  }
}

TEST_F(AttentionKernel, TakesOneTensorForAll) {
  const Kernel attention;
  Inputs inputs = inputs_of(2, 7, 7);
  inputs.key = inputs.value = inputs.query;
  attention.expect_right(inputs);
}

TEST_F(AttentionKernel, TakesAnyStrides) {
  const Kernel attention;
  const Inputs inputs = inputs_of(2, 7, 9);
  std::vector<at::Tensor> arguments = attention.arguments_of(inputs);
  for (const bool is_contiguous : {true, false}) {
    for (at::Tensor& argument : arguments) {
      argument = is_contiguous ? argument.contiguous()
                               : argument.transpose(1, 3).contiguous().transpose(1, 3);
    }
    attention.expect_right(arguments);
  }
  const size_t query = attention.plan.scores.source.argument;
  const at::Tensor packed = attention.partition.int8(noise({2, 7, kHeads, 3 * kWidth}), query);
  arguments[query] = packed.slice(3, kWidth, 2 * kWidth).transpose(1, 2);
  attention.expect_right(arguments);
}

TEST_F(AttentionKernel, TakesAKeyAndAValueThatAllHeadsShare) {
  for (const bool is_padded : {false, true}) {
    const Kernel attention;
    if (is_padded) attention.expect_right(inputs_of(2, 3, 4));
    std::vector<at::Tensor> shared = attention.arguments_of(inputs_of(2, 7, 9));
    std::vector<at::Tensor> written_out = shared;
    for (const size_t i :
         {attention.plan.scores.second.argument, attention.plan.mean.second.argument}) {
      shared[i] = shared[i].slice(1, 0, 1).expand(shared[i].sizes());
      ASSERT_EQ(shared[i].stride(1), 0);
      written_out[i] = shared[i].contiguous();
    }
    const auto result = attention.kernel->run(shared);
    ASSERT_TRUE(result);
    expect_one_step_apart(*result, attention.partition.unfused(written_out));
  }
}

TEST_F(AttentionKernel, TakesMasksThatBroadcast) {
  for (const bool is_padded : {false, true}) {
    const Kernel attention;
    if (is_padded) attention.expect_right(inputs_of(2, 3, 4));
    Inputs inputs = inputs_of(2, 6, 5);
    for (const std::vector<int64_t>& sizes : std::vector<std::vector<int64_t>>{
             {2, 1, 6, 5}, {1, 1, 6, 5}, {2, 2, 6, 5}, {1, 2, 6, 1}, {2, 1, 1}, {5}, {}}) {
      SCOPED_TRACE(c10::str(sizes));
      inputs.mask = noise(sizes, 4);
      attention.expect_right(inputs);
    }
    for (const float hidden : {-3.4e38F, -INFINITY}) {
      inputs.mask = at::zeros({2, 1, 6, 5}).masked_fill(noise({2, 1, 6, 5}, 4) < 0, hidden);
      inputs.mask.select(3, 2).fill_(0);  // all keys hidden from a query give NaN in fp32
      attention.expect_right(inputs);
    }
    inputs.mask.fill_(-3.4e38F);  // but these give the mean of all
    attention.expect_right(inputs);
  }
}

TEST_F(AttentionKernel, GivesZerosWhereMinusInfinityHidesAllKeys) {
  for (const bool is_padded : {false, true}) {
    const Kernel attention;
    if (is_padded) attention.expect_right(inputs_of(2, 3, 4));
    Inputs inputs = inputs_of(2, 6, 5);
    inputs.mask = at::full({2, 1, 6, 5}, -INFINITY);
    const auto result = attention.kernel->run(attention.arguments_of(inputs));
    ASSERT_TRUE(result);
    EXPECT_EQ(result->dequantize().abs().max().item<float>(), 0);
  }
}

TEST_F(AttentionKernel, ReadsNoPaddingWhateverTheScoresAre) {
  const Kernel attention;
  attention.expect_right(inputs_of(2, 3, 4));  // lengths vary from here on
  // Fills the memory that the next call gets, padding included, with such values.
  const auto leave_behind = [&](float number) {
    Inputs inputs = inputs_of(2, 16, 16);
    inputs.value = at::full_like(inputs.value, number);
    attention.expect_right(inputs);
  };
  for (const float number : {INFINITY, NAN}) {
    Inputs inputs = inputs_of(2, 6, 5);
    inputs.mask = at::zeros({2, 1, 6, 5});
    inputs.mask.select(3, 2).fill_(number);
    const auto run = [&] { return attention.kernel->run(attention.arguments_of(inputs)).value(); };
    leave_behind(-10);
    const at::Tensor first = run();
    leave_behind(10);
    EXPECT_TRUE(at::equal(run().int_repr(), first.int_repr()));
  }
}

TEST_F(AttentionKernel, LeavesTheResultAsItIsWanted) {
  const Kernel attention(kMasked, OutputLayout::Contiguous);
  EXPECT_TRUE(attention.expect_right(inputs_of(2, 6, 5)).is_contiguous());
  EXPECT_TRUE(attention.expect_right(inputs_of(2, 9, 5)).is_contiguous());
}

TEST_F(AttentionKernel, TakesRank3) {
  const Kernel attention;
  Inputs inputs = inputs_of(1, 6, 5);
  for (at::Tensor* tensor : {&inputs.query, &inputs.key, &inputs.value, &inputs.mask}) {
    *tensor = tensor->squeeze(0);
  }
  attention.expect_right(inputs);
}

TEST_F(AttentionKernel, LeavesOtherRanksAndBroadcastingToItsParts) {
  const Kernel attention;
  Inputs inputs = inputs_of(2, 6, 5);
  inputs.key = inputs.key.slice(1, 0, 1);
  attention.expect_right(inputs);
  inputs = inputs_of(1, 6, 5, 1);
  for (at::Tensor* tensor : {&inputs.query, &inputs.key, &inputs.value, &inputs.mask}) {
    *tensor = tensor->squeeze(0).squeeze(0);
  }
  attention.expect_right(inputs);
}

TEST_F(AttentionKernel, IsSharedByThreads) {
  const Kernel attention;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int64_t length = 1; length < 60; length += 1 + i) {
        attention.expect_right(inputs_of(2, length, length));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(AttentionParts, RunWhereSomeOfThemRunInFp32) {
  for (const CpuFeatures& cpu :
       {CpuFeatures{.vnni = true, .avx512 = false}, CpuFeatures{.vnni = false, .avx512 = true}}) {
    const Kernel attention;
    const auto parts =
        make_attention_kernel(attention.subgraph(), "parts", OutputLayout::Contiguous, cpu);
    ASSERT_TRUE(parts);
    const auto arguments = attention.arguments_of(inputs_of(2, 6, 5));
    expect_one_step_apart(parts->run(arguments).value(), attention.partition.unfused(arguments));
  }
}

TEST(AttentionParts, AreOneInFp32) {
  const Kernel attention;
  EXPECT_FALSE(make_attention_kernel(attention.subgraph(), "all in fp32", OutputLayout::Any,
                                     {.vnni = false, .avx512 = false}));
}

}  // namespace
}  // namespace int8graph
