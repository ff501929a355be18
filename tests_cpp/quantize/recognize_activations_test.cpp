#include "quantize/recognize_activations.h"

#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>

#include "quantize/freeze.h"
#include "testing/ir.h"
#include "testing/small_models.h"

namespace int8graph {
namespace {

std::string recognized(const std::string& body) {
  const torch::jit::Module frozen = freeze_copy(small_model("x = self.linear(x)\n" + body));
  const auto graph = frozen.get_method("forward").graph();
  recognize_activations(*graph->block());
  torch::jit::EliminateDeadCode(graph);
  return picture_of(*graph);
}

std::string behind_a_layer(const std::string& activation) {
  return "a = aten::linear(x.1, tensor, tensor)\nb = aten::" + activation + "(a)\nreturn b\n";
}

const std::string kByErf =
    "a = aten::linear(x.1, tensor, tensor)\nb = aten::gelu(a, none)\nreturn b\n";
const std::string kByTanh =
    "a = aten::linear(x.1, tensor, tensor)\nb = aten::gelu(a, tanh)\nreturn b\n";

TEST(RecognizeActivations, GeluByErf) {
  EXPECT_EQ(recognized("return x * 0.5 * (1.0 + torch.erf(x / 1.4142135623730951))"), kByErf);
  EXPECT_EQ(recognized("return 0.5 * (x * (1 + torch.erf(x * 0.7071067811865475)))"), kByErf);
  EXPECT_EQ(recognized("return x * (0.5 * (1 + torch.erf((x - 0.0) * 0.7071067811865475)))"),
            kByErf);
}

TEST(RecognizeActivations, GeluByTanh) {
  EXPECT_EQ(recognized("return 0.5 * x * (1.0 + torch.tanh(0.7978845608028654 * (x + 0.044715 * "
                       "torch.pow(x, 3.0))))"),
            kByTanh);
  EXPECT_EQ(recognized("return x * 0.5 * (torch.tanh(x * 0.7978845608028654 * (1 + 0.044715 * x * "
                       "x)) + 1)"),
            kByTanh);
}

TEST(RecognizeActivations, HardSwishAndItsGate) {
  for (const char* body :
       {"return x * torch.clamp(x + 3, 0, 6) / 6", "return x * (torch.clamp(x + 3, 0, 6) / 6.0)",
        "return torch.clamp(3 + x, 0.0, 6.0) * x * 0.16666667"}) {
    EXPECT_EQ(recognized(body), behind_a_layer("hardswish")) << body;
  }
  EXPECT_EQ(recognized("return torch.clamp(x + 3, 0, 6) / 6"), behind_a_layer("hardsigmoid"));
  EXPECT_EQ(recognized("return torch.clamp(x * 0.16666667 + 0.5, 0, 1)"),
            behind_a_layer("hardsigmoid"));
}

TEST(RecognizeActivations, AClampBehindOneStays) {
  EXPECT_EQ(recognized("return torch.clamp(x * torch.clamp(x + 3, 0, 6) / 6, -9, 9)"),
            "a = aten::linear(x.1, tensor, tensor)\nb = aten::hardswish(a)\nc = aten::clamp(b, -9, "
            "9)\nreturn c\n");
}

TEST(RecognizeActivations, Mish) {
  EXPECT_EQ(recognized("return x * torch.tanh(torch.softplus(x))"), behind_a_layer("mish"));
}

TEST(RecognizeActivations, NothingElse) {
  for (const char* body : {
           "return 0.5 * x * (1.0 + torch.tanh(0.79 * (x + 0.044715 * torch.pow(x, 3.0))))",
           "return x * torch.tanh(x)",
           "return x * torch.clamp(x + 3, 0, 5) / 6",
           "return torch.clamp(x, 0, 1)",
           "return torch.erf(x) * self.scale",
           "return 0.5 * (1.0 + torch.erf(x / 1.4142135623730951))",
       }) {
    const std::string text = recognized(body);
    for (const char* name : {"gelu", "hards", "mish"}) {
      EXPECT_EQ(text.find(name), std::string::npos) << text;
    }
  }
}

TEST(RecognizeActivations, NothingOfWhatMayBeIntegers) {
  const auto graph = ir(R"IR(
graph(%x : Tensor):
  %zero : int = prim::Constant[value=0]()
  %one : int = prim::Constant[value=1]()
  %three : int = prim::Constant[value=3]()
  %six : int = prim::Constant[value=6]()
  %a : Tensor = aten::add(%x, %three, %one)
  %b : Tensor = aten::clamp(%a, %zero, %six)
  %y : Tensor = aten::div(%b, %six)
  return (%y))IR");
  recognize_activations(*graph->block());
  EXPECT_EQ(picture_of(*graph).find("hardsigmoid"), std::string::npos);
}

TEST(RecognizeActivations, NotWhereAPartOfItIsReadElsewhere) {
  const auto text =
      recognized("e = 1.0 + torch.erf(x / 1.4142135623730951)\nreturn [x * 0.5 * e, e]");
  EXPECT_EQ(text.find("gelu"), std::string::npos);
}

TEST(RecognizeActivations, NotWhereItsInputIsWrittenTo) {
  const auto text = recognized(
      "y = x.clone()\nhalf = 0.5 * y\ne = 1.0 + torch.erf(y / 1.4142135623730951)\n"
      "y[:, :2].mul_(0.0)\nreturn [half * e, y]");
  EXPECT_EQ(text.find("gelu"), std::string::npos) << text;
}

}  // namespace
}  // namespace int8graph
