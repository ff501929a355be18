#include "quantize/needless_casts.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/constant_propagation.h>
#include <torch/csrc/jit/passes/inliner.h>

#include "int8graph/convert.h"
#include "testing/fused_graphs.h"
#include "testing/ir.h"
#include "testing/small_models.h"

namespace int8graph {
namespace {

namespace jit = torch::jit;

/// The kinds of nodes that are left of a scripted model's forward, constants apart.
std::vector<std::string> left_of(const std::string& body,
                                 const std::vector<c10::IValue>& example_inputs) {
  jit::Module model("Model");
  model.register_parameter("w", noise({4, 4}), false);
  model.define("def forward(self, x):\n  y = torch.linear(x, self.w)\n  return " + body + "\n");
  const auto graph = model.get_method("forward").graph();
  jit::Inline(*graph);
  remove_needless_casts(graph, model, example_inputs);
  graph->lint();
  EXPECT_EQ(graph->outputs().size(), 1);
  std::vector<std::string> kinds;
  for (const jit::Node* node : graph->nodes()) {
    const bool is_detail =
        node->kind() == c10::prim::Constant || node->kind() == c10::prim::GetAttr;
    if (!is_detail) kinds.emplace_back(node->kind().toQualString());
  }
  return kinds;
}

using Kinds = std::vector<std::string>;

const std::vector<c10::IValue> kExample = {at::ones({2, 4})};

TEST(RemoveNeedlessCasts, OfAComputeOperatorsResult) {
  for (const char* cast :
       {"y.to(6)", "y.float()", "y.type_as(y)", "y.to(y)", "y.to(torch.device('cpu'), 6)"}) {
    const Kinds kinds = left_of("torch.relu(" + std::string(cast) + ")", kExample);
    EXPECT_EQ(kinds.back(), "aten::relu") << cast;
    EXPECT_EQ(std::ranges::count(kinds, "aten::to") + std::ranges::count(kinds, "aten::type_as"), 0)
        << cast;
  }
}

TEST(RemoveNeedlessCasts, BehindWhatIsMadeOfIt) {
  EXPECT_EQ(left_of("torch.softmax(torch.relu(y).float(), -1).to(6)", kExample),
            (Kinds{"aten::linear", "aten::relu", "aten::softmax"}));
}

TEST(RemoveNeedlessCasts, ASoftmaxLosesItsDtype) {
  jit::Module model("Model");
  model.register_parameter("w", noise({4, 4}), false);
  model.define(R"(
    def forward(self, x):
        return torch.softmax(torch.linear(x, self.w), -1, 6)
  )");
  const auto graph = model.get_method("forward").graph();
  remove_needless_casts(graph, model, kExample);
  EXPECT_TRUE(find_node(*graph, "aten::softmax")->input(2)->mustBeNone());
}

TEST(RemoveNeedlessCasts, ThoseThatDoSomethingStay) {
  for (const char* cast : {"y.to(7)", "y.half()", "y.to(6, copy=True)", "torch.sort(y)[1].to(6)",
                           "y.double().to(6)"}) {
    const Kinds kinds = left_of(cast, kExample);
    EXPECT_EQ(kinds.back(), "aten::to") << cast;
  }
}

TEST(RemoveNeedlessCasts, FillInWhatTheModelHasDefaultsFor) {
  jit::Module model("Model");
  model.register_parameter("w", noise({4, 4}), false);
  model.define(R"(
    def forward(self, x, y: Optional[Tensor] = None, z: int = 3):
        return torch.relu(torch.linear(x, self.w).float()) * z
  )");
  const auto graph = model.get_method("forward").graph();
  jit::Inline(*graph);
  remove_needless_casts(graph, model, kExample);
  EXPECT_EQ(graph->toString().find("aten::to"), std::string::npos);
}

TEST(RemoveNeedlessCasts, ThoseToAnInputsDtypeStay) {
  EXPECT_EQ(left_of("y.type_as(x)", kExample), (Kinds{"aten::linear", "aten::type_as"}));
  EXPECT_EQ(left_of("y.to(x)", kExample), (Kinds{"aten::linear", "aten::to"}));
}

TEST(RemoveNeedlessCasts, ThoseOfInputsStay) {
  EXPECT_EQ(left_of("x.to(6)", kExample), Kinds{"aten::to"});
}

TEST(RemoveNeedlessCasts, WithoutExampleInputsAllStay) {
  EXPECT_EQ(left_of("y.to(6)", {}), (Kinds{"aten::linear", "aten::to"}));
}

TEST(RemoveNeedlessCasts, SoThatGuardedAttentionFusesLikeOneWithoutGuards) {
  const std::string plain = "torch.softmax(torch.matmul(x, x.transpose(1, 2)) / 2.0, -1)";
  const std::string guarded =
      "torch.softmax(torch.matmul(x, x.transpose(1, 2)).float() / 2.0, -1, "
      "6).to(6)";
  std::vector<std::string> summaries;
  for (const std::string& probabilities : {plain, guarded}) {
    summaries.push_back(
        convert_and_run(small_model("return torch.matmul(" + probabilities + ", x)"),
                        {noise({2, 6, 8})})
            .summary);
  }
  EXPECT_EQ(summaries[0], summaries[1]);
}

}  // namespace
}  // namespace int8graph
