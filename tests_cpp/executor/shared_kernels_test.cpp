#include "executor/shared_kernels.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>

#include "config/autocast.h"
#include "config/temporary_directory.h"
#include "int8graph/convert.h"
#include "int8graph/module_io.h"
#include "ops/graph_walk.h"
#include "ops/node_arguments.h"
#include "testing/fused_graphs.h"
#include "testing/small_models.h"

namespace int8graph {
namespace {

namespace jit = torch::jit;

constexpr int64_t kWide = 64;

/// A model whose weights are large enough to be given back: `conv`, `conv_second` and `linear` have
/// kWide channels in and out.
jit::Module artifact_of(const std::string& body, const at::Tensor& x) {
  jit::Module model("Wide");
  model.register_parameter("c", alternating({kWide, kWide, 3, 3}), /*is_buffer=*/false);
  model.register_parameter("d", alternating({kWide, kWide, 3, 3}, 2), /*is_buffer=*/false);
  model.register_parameter("l", alternating({kWide, kWide}, 3), /*is_buffer=*/false);
  model.define(R"(
    def conv(self, x):
        return torch.conv2d(x, self.c, None, [1, 1], [1, 1])
    def conv_second(self, x):
        return torch.conv2d(x, self.d, None, [1, 1], [1, 1])
    def linear(self, x):
        return torch.linear(x, self.l)
  )");
  model.define("def forward(self, x):\n  " + body + "\n");
  return convert(model, calibrated_on(model, {x}), {x});
}

/// How many of the int8 weights in the partitions of a graph have data, and how many have none.
struct Weighed {
  int kept = 0;
  int given_back = 0;
};

Weighed weigh(jit::Graph& graph) {
  Weighed result;
  for (const jit::Node* partition : partitions_of(graph)) {
    for_each_node(*partition->g(c10::attr::Subgraph)->block(), [&](const jit::Node& node) {
      if (node.kind() != c10::prim::Constant) return;
      const auto tensor = constant_tensor(node.output());
      if (!tensor || !tensor->is_quantized()) return;
      ++(tensor->storage().data() == nullptr ? result.given_back : result.kept);
    });
  }
  return result;
}

const std::string kModel =
    "y = torch.relu(self.conv(x))\n"
    "  y = torch.relu(self.conv_second(y))\n"
    "  return self.linear(y.transpose(1, 3))";

TEST(KernelOf, IsTheOneThatWasTiedToTheNode) {
  const auto graph = fused_graph(artifact_of(kModel, noise({2, kWide, 6, 5})));
  jit::Node* partition = partitions_of(*graph).at(0);
  EXPECT_NE(kernel_of(*partition), kernel_of(*partition));
  make_kernels(*graph->block());
  EXPECT_EQ(kernel_of(*partition), kernel_of(*partition));
  const auto copy = graph->copy();
  EXPECT_EQ(kernel_of(*partitions_of(*copy).at(0)), kernel_of(*partition));
}

TEST(MakeKernels, AWeightThatOnePartitionReadsIsGivenBackOncePacked) {
  const auto graph = fused_graph(artifact_of(kModel, noise({2, kWide, 6, 5})));
  EXPECT_EQ(weigh(*graph).kept, 3);
  make_kernels(*graph->block());
  EXPECT_EQ(weigh(*graph).given_back, 1);  // the linear layer's; convolutions wait for a size
}

TEST(MakeKernels, AWeightThatTwoReadStays) {
  const auto graph =
      fused_graph(artifact_of("return self.linear(torch.relu(self.linear(x)))", noise({4, kWide})));
  make_kernels(*graph->block());
  EXPECT_EQ(weigh(*graph).given_back, 0);
}

class LoadedArtifact : public testing::Test {
 protected:
  LoadedArtifact() {
    jit::Module artifact = artifact_of(kModel, x_);
    const c10::InferenceMode no_grad;
    expected_ = artifact.forward({x_}).toTensor();
    save(artifact, directory_ / "model.pt");
    loaded_ = load(directory_ / "model.pt");
    graph_ = loaded_.get_method("forward").graph();
  }

  at::Tensor call(const at::Tensor& x) {
    const c10::InferenceMode no_grad;
    return loaded_.forward({x}).toTensor();
  }

  const at::Tensor x_ = noise({2, kWide, 6, 5});
  const TemporaryDirectory directory_;
  at::Tensor expected_;
  jit::Module loaded_;
  std::shared_ptr<jit::Graph> graph_;
};

TEST_F(LoadedArtifact, HoldsWeightsOnceAsPacked) {
  EXPECT_EQ(weigh(*graph_).given_back, 3);
  EXPECT_EQ(weigh(*graph_).kept, 0);
  EXPECT_TRUE(at::equal(call(x_), expected_));
}

TEST_F(LoadedArtifact, StillRunsWhatItsKernelsDoNotTake) {
  EXPECT_EQ(call(at::empty({0, kWide, 6, 5})).sizes(), (at::IntArrayRef{0, 5, 6, kWide}));
  EXPECT_EQ(weigh(*graph_).kept, 3);
  EXPECT_TRUE(at::equal(call(x_), expected_));
}

TEST_F(LoadedArtifact, SharesItsKernelsWithTheGraphForAutocast) {
  const AutocastScope autocast(c10::kBFloat16);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(at::allclose(call(x_).to(c10::kFloat), expected_, 0.01, 0.01));
  }
  EXPECT_EQ(weigh(*graph_).given_back, 3);
}

TEST_F(LoadedArtifact, CanBePrinted) {
  EXPECT_NE(graph_->toString().find("int8graph::partition"), std::string::npos);
}

TEST_F(LoadedArtifact, ACopyOfTheModuleWorksToo) {
  jit::Module copy = loaded_.deepcopy();
  const c10::InferenceMode no_grad;
  EXPECT_TRUE(at::equal(copy.forward({x_}).toTensor(), expected_));
}

}  // namespace
}  // namespace int8graph
