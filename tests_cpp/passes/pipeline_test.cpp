#include "passes/pipeline.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/runtime/graph_executor.h>

#include <cstdlib>

#include "config/temporary_directory.h"
#include "int8graph/convert.h"
#include "int8graph/module_io.h"
#include "testing/fused_graphs.h"
#include "testing/small_models.h"

namespace int8graph {
namespace {

namespace jit = torch::jit;

constexpr const char* kFused = "quantize | dequantize+conv2d+quantize | dequantize+conv2d";

/// INT8GRAPH_DISABLE=1 while it lives.
class Disabled {
 public:
  Disabled() { ::setenv("INT8GRAPH_DISABLE", "1", 1); }
  ~Disabled() { ::unsetenv("INT8GRAPH_DISABLE"); }
  Disabled(const Disabled&) = delete;
  Disabled& operator=(const Disabled&) = delete;
};

class PipelineTest : public testing::Test {
 protected:
  jit::Module converted() const { return convert(model_, calibrated_on(model_, {x_}), {x_}); }

  /// What the executor ran last, when `module` is called so often.
  std::string executed(jit::Module module, int calls) const {
    const c10::InferenceMode no_grad;
    for (int i = 0; i < calls; ++i) module.forward({x_});
    return summary_of(*jit::lastExecutedOptimizedGraph());
  }

  at::Tensor x_ = small_input(4);
  jit::Module model_ = small_model("return self.exact_conv2d(torch.relu(self.conv2d(x)))");
};

TEST_F(PipelineTest, WhatConvertReturnsIsFusedAtItsNextCall) {
  EXPECT_EQ(executed(converted(), 1), kFused);
}

TEST_F(PipelineTest, WhatTorchLoadsIsFusedAtItsSecondCall) {
  const TemporaryDirectory directory;
  save(converted(), directory / "model.pt");
  EXPECT_EQ(executed(jit::load(directory / "model.pt"), 2), kFused);
}

TEST_F(PipelineTest, WhatLoadReturnsIsFusedAtItsFirstCall) {
  const TemporaryDirectory directory;
  save(converted(), directory / "model.pt");
  const jit::Module loaded = load(directory / "model.pt");
  EXPECT_EQ(summary_of(*loaded.get_method("forward").graph()), kFused);
  const c10::InferenceMode no_grad;
  EXPECT_TRUE(at::equal(jit::Module(loaded).forward({x_}).toTensor(),
                        converted().forward({x_}).toTensor()));
}

TEST_F(PipelineTest, NothingIsFusedWhileItIsDisabled) {
  const TemporaryDirectory directory;
  save(converted(), directory / "model.pt");
  const Disabled disabled;
  auto graph = unfused_graph(converted());
  const std::string before = graph->toString();
  optimize(graph);
  EXPECT_EQ(graph->toString(), before);
  for (const jit::Module& module :
       {load(directory / "model.pt"), jit::load(directory / "model.pt")}) {
    EXPECT_EQ(executed(module, 3).find("+"), std::string::npos);
  }
}

TEST_F(PipelineTest, OtherModelsInTheProcessAreNotTouched) {
  auto graph = unfused_graph(model_);
  const std::string before = graph->toString();
  optimize(graph);
  EXPECT_EQ(graph->toString(), before);
}

TEST_F(PipelineTest, AnOptimizedGraphIsLeftAsItIs) {
  auto graph = fused_graph(converted());
  const std::string before = summary_of(*graph);
  optimize(graph);
  EXPECT_EQ(summary_of(*graph), before);
}

TEST_F(PipelineTest, BranchesAreFusedInside) {
  const jit::Module model = small_model(
      "y = torch.relu(self.conv2d(x))\n"
      "if x.size(0) > 100:\n"
      "  y = self.conv2d_second(y)\n"
      "return self.exact_conv2d(y)");
  const QuantConf conf = calibrated_on(model, {noise({101, 8, 2, 2})});
  const auto artifact = convert(model, conf, {x_});
  const auto graph = fused_graph(artifact);
  EXPECT_EQ(partitions_of(*graph).size(), 3) << summary_of(*graph);
  for (const at::Tensor& x : {x_, noise({101, 8, 2, 2})}) {
    const at::Tensor fused = run_graph(graph, artifact, {x}).toTensor();
    const at::Tensor unfused = run_graph(unfused_graph(artifact), artifact, {x}).toTensor();
    EXPECT_LT((fused - unfused).abs().max().item<double>(),
              0.02 * unfused.abs().max().item<double>());
  }
}

TEST_F(PipelineTest, SeveralOutputsStayInOrder) {
  const jit::Module model = small_model(
      "y = torch.relu(self.conv2d(x))\nreturn self.exact_conv2d(y), self.conv2d_second(y), x");
  const auto artifact = convert(model, calibrated_on(model, {x_}), {x_});
  const auto outputs = run_graph(fused_graph(artifact), artifact, {x_}).toTuple();
  const auto expected = run_graph(unfused_graph(artifact), artifact, {x_}).toTuple();
  for (size_t i = 0; i < 3; ++i) {
    const at::Tensor wanted = expected->elements()[i].toTensor();
    const double difference =
        (outputs->elements()[i].toTensor() - wanted).abs().max().item<double>();
    EXPECT_LT(difference, 0.02 * wanted.abs().max().item<double>()) << i;
  }
}

}  // namespace
}  // namespace int8graph
