#include "quantize/freeze.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>

#include "quantize/call_marks.h"
#include "testing/fused_graphs.h"
#include "testing/small_models.h"

namespace int8graph {
namespace {

namespace jit = torch::jit;

size_t count(const jit::Graph& graph, c10::Symbol kind) {
  size_t result = 0;
  for (const jit::Node* node : graph.nodes()) result += node->kind() == kind;
  return result;
}

TEST(FreezeCopy, IsOneGraphWithConstantsAndLeavesTheModelAlone) {
  const jit::Module model = small_model("return torch.relu(self.conv2d(x))");
  const std::string before = model.get_method("forward").graph()->toString();
  const auto graph = freeze_copy(model).get_method("forward").graph();
  EXPECT_EQ(count(*graph, c10::aten::conv2d), 1);
  EXPECT_EQ(count(*graph, c10::prim::CallMethod), 0);
  EXPECT_EQ(count(*graph, c10::prim::GetAttr), 0);
  EXPECT_EQ(model.get_method("forward").graph()->toString(), before);
}

TEST(FreezeCopy, CallsThatCalibrationSeesAsTwoStayTwo) {
  const jit::Module model = small_model("return self.conv2d(x) + self.conv2d(x)");
  const auto graph = freeze_copy(model).get_method("forward").graph();
  EXPECT_EQ(count(*graph, c10::aten::conv2d), 2);
}

TEST(FoldConstants, PutsABatchNormIntoTheConvolutionBeforeIt) {
  const jit::Module model = small_model("return self.batch_norm(self.conv2d(x))");
  const jit::Module frozen = freeze_copy(model);
  auto graph = frozen.get_method("forward").graph();
  unmark_calls(graph);
  const at::Tensor x = small_input(4);
  const at::Tensor before = run_graph(graph->copy(), frozen, {x}).toTensor();
  fold_constants(graph);
  EXPECT_EQ(count(*graph, c10::aten::batch_norm), 0);
  EXPECT_EQ(count(*graph, c10::aten::conv2d), 1);
  EXPECT_TRUE(at::allclose(run_graph(graph, frozen, {x}).toTensor(), before, 1e-4, 1e-4));
}

TEST(FoldConstants, FoldsOneBehindTheOther) {
  const jit::Module model = small_model("return self.batch_norm(self.conv2d(x)) * 2.0 + 1.0");
  const jit::Module frozen = freeze_copy(model);
  auto graph = frozen.get_method("forward").graph();
  unmark_calls(graph);
  fold_constants(graph);
  EXPECT_EQ(count(*graph, c10::aten::batch_norm), 0);
  EXPECT_EQ(count(*graph, c10::aten::mul), 0);
  EXPECT_EQ(count(*graph, c10::aten::add), 0);
}

}  // namespace
}  // namespace int8graph
