#include "executor/partition_kernel.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/COW.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/runtime/interpreter.h>

#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "config/temporary_directory.h"
#include "executor/profile.h"
#include "int8graph/convert.h"
#include "int8graph/module_io.h"
#include "passes/partition_node.h"
#include "passes/quantizers.h"
#include "testing/fused_graphs.h"
#include "testing/partition.h"
#include "testing/small_models.h"

namespace int8graph {
namespace {

namespace jit = torch::jit;

/// int8 in, int8 out: dequantize+conv2d+sigmoid+quantize.
Partition conv_partition() {
  return {
      small_model("return self.exact_conv2d(torch.sigmoid(self.conv2d(x)))"), {small_input(4)}, 0};
}

// --- Where results lie ---

TEST(PartitionKernel, LaysWhatStaysInTheGraphInItsThreadsArena) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "sanitizers have no arenas";
#endif
  const auto pytorch = c10::GetCPUAllocator()->raw_deleter();
  for (const bool leaves : {false, true}) {
    Partition partition = conv_partition();
    EXPECT_FALSE(results_leave(partition.node()));  // another convolution reads them
    set_results_leave(partition.node(), leaves);
    const PartitionKernel kernel(partition.node());
    const at::Tensor output = partition.fused(kernel, {partition.int8(small_input(4))});
    EXPECT_EQ(output.storage().data_ptr().get_deleter() == pytorch, leaves);
  }
}

// --- Any input ---

TEST(PartitionKernel, TakesAnyShape) {
  Partition partition = conv_partition();
  const PartitionKernel kernel(partition.node());
  const std::vector<std::vector<int64_t>> shapes = {
      {1, 8, 1, 1}, {2, 8, 6, 5}, {5, 8, 3, 17}, {1, 8, 40, 2}, {2, 8, 6, 5}};
  for (const auto& sizes : shapes) {
    const at::Tensor input = partition.int8(noise(sizes));
    at::Tensor output;
    EXPECT_TRUE(runs_in_onednn([&] { output = partition.fused(kernel, {input}); }));
    expect_one_step_apart(output, partition.unfused({input}));
  }
}

TEST(PartitionKernel, WidensReducedFloats) {
  Partition partition(
      small_model("return self.exact_conv2d(torch.relu(self.conv2d(x) + torch.sort(y)[0]))",
                  "x, y"),
      {small_input(4), small_input(4, 8)}, 0);
  const PartitionKernel kernel(partition.node());
  const at::Tensor y = noise(small_input(4).sizes()).to(c10::kBFloat16);
  const at::Tensor x = noise(small_input(4).sizes(), 2);
  // Which input is the int8 one depends on where the sum's operands stand.
  const bool first = partition.node().g(c10::attr::Subgraph)->inputs()[0]->uses()[0].user->kind() ==
                     explicit_dequantize_symbol();
  const auto inputs = [&](const at::Tensor& summand) {
    const at::Tensor int8 = partition.int8(x, first ? 0 : 1);
    return first ? std::vector{int8, summand} : std::vector{summand, int8};
  };
  EXPECT_TRUE(at::equal(partition.fused(kernel, inputs(y)).dequantize(),
                        partition.fused(kernel, inputs(y.to(c10::kFloat))).dequantize()));
}

TEST(PartitionKernel, TakesAnyStrides) {
  Partition partition = conv_partition();
  const PartitionKernel kernel(partition.node());
  const at::Tensor wide = partition.int8(noise({2, 8, 12, 10}));
  const std::vector<at::Tensor> inputs = {
      wide,
      wide.contiguous(at::MemoryFormat::ChannelsLast),
      wide.slice(2, 1, 7).slice(3, 2, 9),
      wide.transpose(2, 3),
      partition.int8(noise({1, 8, 12, 10})).expand({3, 8, 12, 10}),
      wide.slice(2, 0, 12, 2),
  };
  for (const at::Tensor& input : inputs) {
    at::Tensor output;
    EXPECT_TRUE(runs_in_onednn([&] { output = partition.fused(kernel, {input}); }))
        << input.strides();
    expect_one_step_apart(output, partition.unfused({input.contiguous()}));
  }
}

TEST(PartitionKernel, OneDnnGraphReadsRowsWithGaps) {
  const Conversion norm = convert_and_run(
      small_model("return self.exact_linear(torch.layer_norm(x.narrow(2, 3, 8), [8]))"),
      {noise({2, 6, 20})}, QScheme::PerTensorSymmetric);
  EXPECT_NE(norm.summary.find("layer_norm+quantize"), std::string::npos) << norm.summary;
  expect_right_numbers(norm, norm.quantum_of_last_input());
}

TEST(PartitionKernel, OneDnnGraphReadsRowsInAnotherOrder) {
  const Conversion norm =
      convert_and_run(small_model("y = torch.layer_norm(x.transpose(0, 1), [8])\n"
                                  "return self.exact_linear(y.view(-1, 8))"),
                      {noise({2, 6, 8})}, QScheme::PerTensorSymmetric);
  EXPECT_NE(norm.summary.find("layer_norm+quantize"), std::string::npos) << norm.summary;
  expect_right_numbers(norm, norm.quantum_of_last_input());
}

TEST(PartitionKernel, OneDnnGraphReadsCopyOnWriteStorageAsItIs) {
  const Partition partition(small_model("return self.exact_linear(torch.layer_norm(x, [8]))"),
                            {noise({2, 6, 8})}, 0, QScheme::PerTensorSymmetric);
  const PartitionKernel kernel(partition.node());
  const at::Tensor x = noise({2, 6, 8}).clone();
  const at::Tensor lazy = at::_lazy_clone(x);
  ASSERT_TRUE(c10::impl::cow::is_cow_data_ptr(lazy.storage().data_ptr()));
  at::Tensor output;
  EXPECT_TRUE(runs_in_onednn([&] { output = partition.fused(kernel, {lazy}); }));
  EXPECT_TRUE(c10::impl::cow::is_cow_data_ptr(lazy.storage().data_ptr()));
  expect_one_step_apart(output, partition.unfused({x}));
}

TEST(PartitionKernel, EqualSizesWithOtherStridesAreCompiledAnew) {
  Partition partition = conv_partition();
  const PartitionKernel kernel(partition.node());
  const at::Tensor square = partition.int8(noise({1, 8, 6, 6}));
  const at::Tensor turned = square.transpose(2, 3);
  expect_one_step_apart(partition.fused(kernel, {square}), partition.unfused({square}));
  expect_one_step_apart(partition.fused(kernel, {turned}),
                        partition.unfused({turned.contiguous()}));
}

TEST(PartitionKernel, AnEmptyBatchRunsUnfused) {
  Partition partition = conv_partition();
  const PartitionKernel kernel(partition.node());
  const at::Tensor empty = partition.int8(at::empty({0, 8, 6, 5}));
  const at::Tensor output = partition.fused(kernel, {empty});
  EXPECT_EQ(output.sizes(), (at::IntArrayRef{0, 8, 6, 5}));
  EXPECT_EQ(output.scalar_type(), at::kQUInt8);
  // and the next one is fused again
  const at::Tensor input = partition.int8(noise({2, 8, 6, 5}));
  EXPECT_TRUE(runs_in_onednn([&] { partition.fused(kernel, {input}); }));
}

TEST(PartitionKernel, AnotherDtypeRunsUnfused) {
  Partition partition = conv_partition();
  const PartitionKernel kernel(partition.node());
  const at::Tensor input = at::quantize_per_tensor(noise({2, 8, 6, 5}), 0.03, 8, at::kQInt8);
  at::Tensor output;
  EXPECT_FALSE(runs_in_onednn([&] { output = partition.fused(kernel, {input}); }));
  expect_one_step_apart(output, partition.unfused({input}));
}

TEST(PartitionKernel, APoolWithoutABatchRunsUnfused) {
  const Partition partition(
      small_model("y = torch.max_pool2d(self.conv2d(x), [1, 2])\nreturn self.exact_conv2d(y)"),
      {small_input(4)}, 1);
  const PartitionKernel kernel(partition.node());
  const at::Tensor input = partition.int8(noise({8, 6, 10}));
  at::Tensor output;
  EXPECT_FALSE(runs_in_onednn([&] { output = partition.fused(kernel, {input}); }));
  expect_one_step_apart(output, partition.unfused({input}));
}

/// Ends the process, since it reads INT8GRAPH_VERBOSE once.
[[noreturn]] void run_unfused_for_two_reasons() {
  setenv("INT8GRAPH_VERBOSE", "1", /*overwrite=*/1);
  const Partition partition = conv_partition();
  const PartitionKernel kernel(partition.node());
  partition.fused(kernel, {partition.int8(at::empty({0, 8, 6, 5}))});
  EXPECT_ANY_THROW(partition.fused(kernel, {partition.int8(noise({2, 7, 6, 5}))}));
  std::_Exit(0);
}

TEST(PartitionKernelDeathTest, TellsEachReasonWhyItRunsUnfused) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(run_unfused_for_two_reasons(), testing::ExitedWithCode(0),
              "runs unfused: input 0 is \\[0, 8, 6, 5\\] QUInt8; accepted .* of dtype QUInt8"
              ".*for \\[2, 7, 6, 5\\] QUInt8: runs unfused: oneDNN says");
}

TEST(PartitionKernel, WhatOneDnnDoesNotTakeAsOnePartitionRunsUnfused) {
  Partition partition = conv_partition();
  jit::Node& node = partition.node();
  const auto subgraph = node.g(c10::attr::Subgraph)->copy();
  for (jit::Node* inner : subgraph->nodes()) {
    if (inner->kind() == c10::aten::sigmoid) inner->replaceWithNewSymbol(c10::aten::sign);
  }
  jit::Graph graph;
  jit::Node* odd = graph.create(partition_symbol(), {graph.addInput()}, 1);
  odd->g_(c10::attr::Subgraph, subgraph);
  const PartitionKernel kernel(*odd);
  const at::Tensor input = partition.int8(noise({2, 8, 6, 5}));
  at::Tensor signs;
  EXPECT_FALSE(runs_in_onednn([&] { signs = partition.fused(kernel, {input}).dequantize(); }));
  EXPECT_GT(signs.max().item<float>(), 0.9);
  EXPECT_LT(signs.max().item<float>(), 1.1);
}

TEST(PartitionKernel, AShapeThatDoesNotFitIsPyTorchsError) {
  Partition partition = conv_partition();
  const PartitionKernel kernel(partition.node());
  const at::Tensor seven_channels = partition.int8(noise({2, 7, 6, 5}));
  EXPECT_ANY_THROW(partition.fused(kernel, {seven_channels}));
  const at::Tensor input = partition.int8(noise({2, 8, 6, 5}));
  expect_one_step_apart(partition.fused(kernel, {input}), partition.unfused({input}));
}

// --- Outputs ---

TEST(PartitionKernel, AContiguousOutputIsContiguousWhateverComesIn) {
  Partition partition = conv_partition();
  set_output_layouts(partition.node(), {OutputLayout::Contiguous});
  const PartitionKernel kernel(partition.node());
  const at::Tensor input = partition.int8(noise({2, 8, 6, 5}));
  for (const at::Tensor& x : {input, input.contiguous(at::MemoryFormat::ChannelsLast)}) {
    const at::Tensor output = partition.fused(kernel, {x});
    EXPECT_TRUE(output.is_contiguous());
    expect_one_step_apart(output, partition.unfused({input}));
  }
}

// --- Reuse of an input's buffer ---

class BufferReuse : public testing::Test {
 protected:
  // dequantize+conv2d+dequantize+add+quantize: oneDNN may write over the summand.
  BufferReuse()
      : partition_(small_model("a = torch.relu(self.conv2d(x))\n"
                               "b = torch.relu(self.conv2d_second(x))\n"
                               "return self.exact_conv2d(torch.relu(self.conv2d(a) + b))"),
                   {small_input(4)}, 2) {
    jit::Node& node = partition_.node();
    set_reusable_inputs(node, std::vector<bool>(node.inputs().size(), true));
  }

  std::vector<at::Tensor> inputs() const {
    return {partition_.int8(noise({2, 8, 6, 5}, 1), 0).contiguous(at::MemoryFormat::ChannelsLast),
            partition_.int8(noise({2, 8, 6, 5}, 2), 1).contiguous(at::MemoryFormat::ChannelsLast)};
  }

  Partition partition_;
};

TEST_F(BufferReuse, TakesABufferThatNobodyElseHolds) {
  ASSERT_EQ(partition_.node().inputs().size(), 2);
  const PartitionKernel kernel(partition_.node());
  auto unique = inputs();
  const std::vector<const void*> buffers = {unique[0].data_ptr(), unique[1].data_ptr()};
  const at::Tensor expected = partition_.unfused(inputs());
  const at::Tensor output = partition_.fused(kernel, std::move(unique));
  EXPECT_TRUE(output.data_ptr() == buffers[0] || output.data_ptr() == buffers[1]);
  expect_one_step_apart(output, expected);
}

TEST_F(BufferReuse, LeavesATensorThatIsStillHeld) {
  const PartitionKernel kernel(partition_.node());
  const auto held = inputs();
  const auto output = partition_.fused(kernel, held);
  expect_one_step_apart(output, partition_.unfused(inputs()));
  for (size_t i = 0; i < held.size(); ++i) {
    EXPECT_NE(output.data_ptr(), held[i].data_ptr());
    EXPECT_TRUE(at::equal(held[i].int_repr(), inputs()[i].int_repr()));
  }
}

TEST_F(BufferReuse, LeavesAStorageThatAViewHolds) {
  const PartitionKernel kernel(partition_.node());
  auto passed = inputs();
  const std::vector<at::Tensor> views = {passed[0].select(0, 1), passed[1].select(0, 1)};
  const auto output = partition_.fused(kernel, std::move(passed));
  expect_one_step_apart(output, partition_.unfused(inputs()));
  for (size_t i = 0; i < views.size(); ++i) {
    EXPECT_TRUE(at::equal(views[i].int_repr(), inputs()[i].select(0, 1).int_repr()));
  }
}

TEST_F(BufferReuse, LeavesATensorThatIsPassedTwice) {
  const PartitionKernel kernel(partition_.node());
  auto passed = inputs();
  passed[1] = passed[0];
  const auto same = inputs()[0];
  expect_one_step_apart(partition_.fused(kernel, std::move(passed)),
                        partition_.unfused({same, same}));
}

TEST_F(BufferReuse, LeavesWhatIsNotMarked) {
  set_reusable_inputs(partition_.node(), {false, false});
  const PartitionKernel kernel(partition_.node());
  auto unique = inputs();
  const void* first = unique[0].data_ptr();
  const void* second = unique[1].data_ptr();
  // Storage handles keep the buffers from being given out again.
  const c10::Storage keep[] = {unique[0].storage(), unique[1].storage()};
  const auto output = partition_.fused(kernel, std::move(unique));
  EXPECT_NE(output.data_ptr(), first);
  EXPECT_NE(output.data_ptr(), second);
}

TEST_F(BufferReuse, TheCallersInputsSurviveAWholeModel) {
  const auto model = small_model("y = torch.relu(self.conv2d(x))\nreturn self.conv2d(y) + y");
  const at::Tensor x = small_input(4);
  jit::Module artifact = convert(model, calibrated_on(model, {x}), {x});
  const c10::InferenceMode no_grad;
  const at::Tensor first = artifact.forward({x}).toTensor().clone();
  EXPECT_TRUE(at::equal(artifact.forward({x}).toTensor(), first));
  EXPECT_TRUE(at::equal(x, small_input(4)));
}

// --- Threads ---

int64_t resident_kilobytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    int64_t value = 0;
    if (word == "VmRSS:" && status >> value) return value;
  }
  return 0;
}

TEST(PartitionKernel, AThousandShapesDoNotGrowMemoryWithoutBound) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "AddressSanitizer keeps freed memory";
#endif
  // 144 KB of packed weights for each shape that is kept: 115 MB if 800 were.
  constexpr int64_t kWide = 128;
  jit::Module model("Wide");
  model.register_parameter("w", alternating({kWide, kWide, 3, 3}), /*is_buffer=*/false);
  model.define("def forward(self, x):\n  return torch.conv2d(x, self.w, None, [1, 1], [1, 1])\n");
  Partition partition(model, {noise({1, kWide, 4, 4})}, 0);
  const PartitionKernel kernel(partition.node());
  int64_t warm = 0;
  for (int64_t i = 0; i < 1000; ++i) {
    if (i == 200) warm = resident_kilobytes();
    partition.fused(kernel, {partition.int8(noise({1, kWide, 1 + i % 32, 1 + i / 32}))});
  }
  ASSERT_GT(warm, 0);
  EXPECT_LT(resident_kilobytes() - warm, 40 * 1024);
}

TEST(PartitionKernel, EightThreadsOverTwelveShapesGiveTheSerialResults) {
  const TemporaryDirectory directory;
  const std::string path = directory / "model.pt";
  const auto model = small_model(
      "y = torch.relu(self.conv2d(x))\n"
      "y = torch.relu(self.conv2d_second(y) + y)\n"
      "return self.exact_conv2d(torch.max_pool2d(y, [2, 2]))");
  const at::Tensor example = small_input(4);
  save(convert(model, calibrated_on(model, {example}), {example}), path);

  std::vector<at::Tensor> inputs;
  std::vector<at::Tensor> expected;
  jit::Module serial = load(path);
  const c10::InferenceMode no_grad;
  for (int64_t i = 0; i < 12; ++i) {
    inputs.push_back(noise({1 + i % 3, kChannels, 4 + i, 9 - i / 2}, static_cast<uint64_t>(i)));
    expected.push_back(serial.forward({inputs.back()}).toTensor());
  }

  jit::Module shared = load(path);
  std::vector<std::thread> threads;
  std::vector<int> wrong(8, 0);
  for (size_t t = 0; t < wrong.size(); ++t) {
    threads.emplace_back([&, t] {
      const c10::InferenceMode no_grad_here;
      at::set_num_threads(1);
      for (size_t step = 0; step < 36; ++step) {
        const size_t i = (step + t) % inputs.size();
        wrong[t] += !at::equal(shared.forward({inputs[i]}).toTensor(), expected[i]);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(8, 0));
}

}  // namespace
}  // namespace int8graph
