#include "quantize/recognize_gelu.h"

#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>

#include "quantize/freeze.h"
#include "testing/ir.h"
#include "testing/small_models.h"

namespace int8graph {
namespace {

std::string recognized(const std::string& body) {
  const torch::jit::Module frozen = freeze_copy(small_model(body));
  const auto graph = frozen.get_method("forward").graph();
  recognize_gelu(*graph->block());
  torch::jit::EliminateDeadCode(graph);
  return picture_of(*graph);
}

const std::string kByErf = "a = aten::gelu(x.1, none)\nreturn a\n";
const std::string kByTanh = "a = aten::gelu(x.1, tanh)\nreturn a\n";

TEST(RecognizeGelu, InTheErfForm) {
  EXPECT_EQ(recognized("return x * 0.5 * (1.0 + torch.erf(x / 1.4142135623730951))"), kByErf);
  EXPECT_EQ(recognized("return 0.5 * (x * (1 + torch.erf(x * 0.7071067811865475)))"), kByErf);
  EXPECT_EQ(recognized("return x * (0.5 * (1 + torch.erf((x - 0.0) * 0.7071067811865475)))"),
            kByErf);
}

TEST(RecognizeGelu, InTheTanhForm) {
  EXPECT_EQ(recognized("return 0.5 * x * (1.0 + torch.tanh(0.7978845608028654 * (x + 0.044715 * "
                       "torch.pow(x, 3.0))))"),
            kByTanh);
  EXPECT_EQ(recognized("return x * 0.5 * (torch.tanh(x * 0.7978845608028654 * (1 + 0.044715 * x * "
                       "x)) + 1)"),
            kByTanh);
}

TEST(RecognizeGelu, NothingElse) {
  for (const char* body : {
           "return 0.5 * x * (1.0 + torch.tanh(0.79 * (x + 0.044715 * torch.pow(x, 3.0))))",
           "return x * torch.tanh(x)",
           "return torch.erf(x) * self.scale",
           "return 0.5 * (1.0 + torch.erf(x / 1.4142135623730951))",
       }) {
    EXPECT_EQ(recognized(body).find("gelu"), std::string::npos) << body;
  }
}

TEST(RecognizeGelu, NotWhereAPartOfItIsReadElsewhere) {
  const auto text =
      recognized("e = 1.0 + torch.erf(x / 1.4142135623730951)\nreturn [x * 0.5 * e, e]");
  EXPECT_EQ(text.find("gelu"), std::string::npos);
}

TEST(RecognizeGelu, NotWhereItsInputIsWrittenTo) {
  const auto text = recognized(
      "y = x.clone()\nhalf = 0.5 * y\ne = 1.0 + torch.erf(y / 1.4142135623730951)\n"
      "y[:, :2].mul_(0.0)\nreturn [half * e, y]");
  EXPECT_EQ(text.find("gelu"), std::string::npos) << text;
}

}  // namespace
}  // namespace int8graph
