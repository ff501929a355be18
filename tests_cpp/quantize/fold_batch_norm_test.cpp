#include "quantize/fold_batch_norm.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>

#include "quantize/freeze.h"
#include "testing/fused_graphs.h"
#include "testing/ir.h"
#include "testing/small_models.h"

namespace int8graph {
namespace {

namespace jit = torch::jit;

/// Folds the norm of a model, and expects the numbers to stay.
void expect_folded(const std::string& body, int64_t rank) {
  const jit::Module frozen = freeze_copy(small_model(body));
  const auto graph = frozen.get_method("forward").graph();
  const at::Tensor x = small_input(rank);
  const at::Tensor before = run_graph(graph->copy(), frozen, {x}).toTensor();
  EXPECT_TRUE(fold_batch_norms_into_transposed(*graph->block())) << body;
  for (const jit::Node* node : graph->nodes()) EXPECT_NE(node->kind(), c10::aten::batch_norm);
  EXPECT_TRUE(at::allclose(run_graph(graph, frozen, {x}).toTensor(), before, 1e-4, 1e-4)) << body;
}

TEST(FoldBatchNorm, GoesIntoATransposedConvolution) {
  expect_folded("return self.batch_norm(self.conv_transpose1d(x))", 3);
  expect_folded("return self.batch_norm(self.conv_transpose2d(x))", 4);
  expect_folded("return self.batch_norm(self.conv_transpose3d(x))", 5);
}

TEST(FoldBatchNorm, KnowsGroupsAndMissingParameters) {
  expect_folded(
      "y = torch.conv_transpose2d(x, self.grouped, None, [1, 1], [1, 1], [0, 0], 2)\n"
      "return self.batch_norm(y)",
      4);
  expect_folded(
      "return torch.batch_norm(self.conv_transpose2d(x), None, None, self.mean, self.var, False, "
      "0.1, 1e-5, False)",
      4);
}

TEST(FoldBatchNorm, LeavesAConvolutionThatOthersRead) {
  const jit::Module frozen =
      freeze_copy(small_model("y = self.conv_transpose2d(x)\nreturn self.batch_norm(y) * y"));
  EXPECT_FALSE(fold_batch_norms_into_transposed(*frozen.get_method("forward").graph()->block()));
}

TEST(FoldBatchNorm, LeavesOneBehindAnythingElse) {
  const jit::Module frozen = freeze_copy(small_model("return self.batch_norm(torch.relu(x))"));
  EXPECT_FALSE(fold_batch_norms_into_transposed(*frozen.get_method("forward").graph()->block()));
}

}  // namespace
}  // namespace int8graph
