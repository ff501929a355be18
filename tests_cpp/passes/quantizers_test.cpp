#include "passes/quantizers.h"

#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>

#include "testing/ir.h"

namespace int8graph {
namespace {

/// Two quantized values, %a with scale 0.02 and %b with scale `second`, and what is made of them.
std::optional<QuantizerParameters> parameters_behind(const std::string& nodes,
                                                     const std::string& second = "0.02") {
  const auto graph = ir(R"IR(
graph(%x : Tensor, %unknown : float):
  %s : float = prim::Constant[value=0.02]()
  %s2 : float = prim::Constant[value=)IR" +
                        second +
                        R"IR(]()
  %z : int = prim::Constant[value=128]()
  %t : int = prim::Constant[value=13]()
  %one : int = prim::Constant[value=1]()
  %no : bool = prim::Constant[value=0]()
  %two : int[] = prim::Constant[value=[2, 2]]()
  %a : Tensor = aten::quantize_per_tensor(%x, %s, %z, %t)
  %b : Tensor = aten::quantize_per_tensor(%x, %s2, %z, %t)
)IR" + nodes + R"IR(
  return (%r))IR");
  return parameters_of(*graph->outputs()[0]);
}

constexpr QuantizerParameters kParameters = {0.02, 128, 13};

TEST(ParametersOf, AreFoundAtTheQuantizer) {
  EXPECT_EQ(parameters_behind("  %r : Tensor = aten::quantize_per_tensor(%x, %s, %z, %t)"),
            kParameters);
}

TEST(ParametersAt, ReadsBothKindsOfQuantizers) {
  const auto graph = ir(R"IR(
graph(%x : Tensor, %unknown : float):
  %s : float = prim::Constant[value=0.02]()
  %z : int = prim::Constant[value=128]()
  %t : int = prim::Constant[value=13]()
  %q : Tensor = aten::quantize_per_tensor(%x, %unknown, %z, %t)
  %d : Tensor = int8graph::dequantize(%q, %s, %z, %t)
  return (%d))IR");
  EXPECT_EQ(parameters_at(*find_node(*graph, "int8graph::dequantize")), kParameters);
  EXPECT_EQ(parameters_at(*find_node(*graph, "aten::quantize_per_tensor")), std::nullopt);
}

TEST(ParametersOf, AreFoundThroughViewsAndMaxPools) {
  EXPECT_EQ(parameters_behind("  %r : Tensor = aten::unsqueeze(%a, %one)"), kParameters);
  EXPECT_EQ(parameters_behind("  %c : Tensor = aten::unsqueeze(%a, %one)\n"
                              "  %r : Tensor = aten::max_pool2d(%c, %two, %two, %two, %two, %no)"),
            kParameters);
}

TEST(ParametersOf, AreFoundThroughJoinsOfEqualValuesOnly) {
  const std::string join =
      "  %l : Tensor[] = prim::ListConstruct(%a, %b)\n"
      "  %r : Tensor = aten::cat(%l, %one)";
  EXPECT_EQ(parameters_behind(join), kParameters);
  EXPECT_EQ(parameters_behind(join, "0.03"), std::nullopt);
  EXPECT_EQ(parameters_behind("  %l : Tensor[] = prim::ListConstruct(%a, %x)\n"
                              "  %r : Tensor = aten::cat(%l, %one)"),
            std::nullopt);
}

TEST(ParametersOf, AreUnknownBehindEverythingElse) {
  EXPECT_EQ(parameters_behind("  %r : Tensor = aten::relu(%a)"), std::nullopt);
  EXPECT_EQ(parameters_behind("  %r : Tensor = aten::unsqueeze(%x, %one)"), std::nullopt);
  EXPECT_EQ(parameters_behind("  %r : Tensor = aten::quantize_per_tensor(%x, %unknown, %z, %t)"),
            std::nullopt);
}

TEST(IsActivationDequantize, TellsActivationsFromWeights) {
  const auto activation = ir(R"IR(
graph(%q : Tensor):
  %r : Tensor = aten::dequantize(%q)
  return (%r))IR");
  EXPECT_TRUE(is_activation_dequantize(*find_node(*activation, "aten::dequantize")));
  const auto weight = ir(R"IR(
graph(%q : Tensor):
  %r : Tensor = aten::dequantize(%q)
  return (%r))IR",
                         {{"q", int8_weight({2, 2})}});
  EXPECT_FALSE(is_activation_dequantize(*find_node(*weight, "aten::dequantize")));
}

}  // namespace
}  // namespace int8graph
