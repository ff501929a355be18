#include "quantize/listed_operators.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>

#include <string>

#include "int8graph/convert.h"
#include "testing/fused_graphs.h"
#include "testing/ir.h"
#include "testing/small_models.h"

namespace int8graph {
namespace {

namespace jit = torch::jit;

/// "linear* relu linear*": a star behind what is quantized.
std::string list_of(jit::Graph& graph) {
  std::string text;
  for (const ListedOperator& listed : list_operators(*graph.block())) {
    text += (text.empty() ? "" : " ") + std::string(listed.name) + (listed.is_quantized ? "*" : "");
  }
  return text;
}

std::string list_of_artifact(const std::string& body) {
  const auto model = small_model(body);
  const at::Tensor x = small_input(3).transpose(1, 2);
  return list_of(*unfused_graph(convert(model, calibrated_on(model, {x}), {x})));
}

TEST(ListedOperators, AreThoseThatTheConfigurationKnows) {
  EXPECT_EQ(list_of_artifact("return torch.erfinv(self.linear(torch.relu(self.linear_second(x))))"),
            "linear* relu linear*");
}

TEST(ListedOperators, ElementwiseOperatorsAreNotQuantizedWhateverTheyRead) {
  const auto graph = ir(R"IR(
graph(%q : Tensor):
  %x : Tensor = aten::dequantize(%q)
  %y : Tensor = aten::relu(%x)
  %l : Tensor[] = prim::ListConstruct(%x, %y)
  %zero : int = prim::Constant[value=0]()
  %z : Tensor = aten::cat(%l, %zero)
  return (%z))IR");
  EXPECT_EQ(list_of(*graph), "relu cat*");
}

constexpr const char* kAttention =
    "y = self.linear(x)\n"
    "return torch.scaled_dot_product_attention(y, y, x, None, 0.0, ";

TEST(ListedOperators, DecomposedAttentionCountsAsOne) {
  EXPECT_EQ(list_of_artifact(std::string(kAttention) + "False, scale=0.5)"),
            "linear* scaled_dot_product_attention*");
}

TEST(ListedOperators, DecomposedAttentionWithAMaskCountsAsOne) {
  EXPECT_EQ(list_of_artifact("y = self.linear(x)\n"
                             "return torch.scaled_dot_product_attention(y, y, x, torch.ones([6, 6])"
                             ", 0.0, False, scale=0.5)"),
            "linear* scaled_dot_product_attention*");
}

TEST(ListedOperators, AttentionThatStayedInFp32IsNotQuantized) {
  EXPECT_EQ(list_of_artifact(std::string(kAttention) + "True, scale=0.5)"),
            "linear* scaled_dot_product_attention");
}

TEST(ListedOperators, AttentionThatTheModelWritesItselfStaysInParts) {
  EXPECT_EQ(list_of_artifact("y = self.linear(x)\n"
                             "p = torch.softmax(torch.matmul(y, y.transpose(-2, -1)) / 2.0, -1)\n"
                             "return torch.matmul(p, x)"),
            "linear* matmul* div matmul*");
}

TEST(ListedOperators, ThoseOfBranchesAreAmongThem) {
  const auto graph = ir(R"IR(
graph(%x : Tensor, %yes : bool):
  %y : Tensor = prim::If(%yes)
    block0():
      %a : Tensor = aten::relu(%x)
      -> (%a)
    block1():
      -> (%x)
  return (%y))IR");
  EXPECT_EQ(list_of(*graph), "relu");
}

}  // namespace
}  // namespace int8graph
