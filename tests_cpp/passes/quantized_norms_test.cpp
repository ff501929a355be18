#include "passes/quantized_norms.h"

#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>

#include "testing/ir.h"

namespace int8graph {
namespace {

/// A norm, `%n`, of rows of 8 numbers or with another shape, and what follows it.
std::string rewritten(const std::string& behind, const std::string& shape = "[8]",
                      const std::string& weight = "%w") {
  const auto graph =
      ir("graph(%x : Tensor, %w : Tensor, %b : Tensor):\n"
         "  %shape : int[] = prim::Constant[value=" +
         shape +
         "]()\n"
         "  %none : NoneType = prim::Constant()\n"
         "  %eps : float = prim::Constant[value=0.25]()\n"
         "  %no : bool = prim::Constant[value=0]()\n"
         "  %s : float = prim::Constant[value=0.5]()\n"
         "  %z : int = prim::Constant[value=3]()\n"
         "  %other : int = prim::Constant[value=4]()\n"
         "  %t : int = prim::Constant[value=13]()\n"
         "  %n : Tensor = aten::layer_norm(%x, %shape, " +
         weight + ", %b, %eps, %no)\n" + behind);
  quantize_in_norms(*graph->block());
  torch::jit::EliminateDeadCode(graph);
  return picture_of(*graph);
}

TEST(QuantizedNorms, QuantizeWhatTheyMake) {
  EXPECT_EQ(rewritten("  %q : Tensor = aten::quantize_per_tensor(%n, %s, %z, %t)\n"
                      "  return (%q)"),
            "a = int8graph::quantized_layer_norm(x, [8], w, b, 0.25, 0.5, 3, 13)\n"
            "return a\n");
}

TEST(QuantizedNorms, GiveBothWhereBothAreRead) {
  EXPECT_EQ(rewritten("  %q : Tensor = aten::quantize_per_tensor(%n, %s, %z, %t)\n"
                      "  %r : Tensor = aten::relu(%n)\n"
                      "  return (%q, %r)"),
            "a, b = int8graph::layer_norm_and_quantized(x, [8], w, b, 0.25, 0.5, 3, 13)\n"
            "c = aten::relu(a)\n"
            "return b, c\n");
}

TEST(QuantizedNorms, TakeTheFirstOfSeveralQuantizers) {
  EXPECT_EQ(rewritten("  %q : Tensor = aten::quantize_per_tensor(%n, %s, %z, %t)\n"
                      "  %r : Tensor = aten::quantize_per_tensor(%n, %s, %other, %t)\n"
                      "  return (%q, %r)"),
            "a, b = int8graph::layer_norm_and_quantized(x, [8], w, b, 0.25, 0.5, 3, 13)\n"
            "c = aten::quantize_per_tensor(a, 0.5, 4, 13)\n"
            "return b, c\n");
}

TEST(QuantizedNorms, LeaveOtherNormsAndWhatIsWrittenTo) {
  const std::string quantize =
      "  %q : Tensor = aten::quantize_per_tensor(%n, %s, %z, %t)\n  return (%q)";
  for (const std::string& picture :
       {rewritten(quantize, "[4, 8]"), rewritten(quantize, "[8]", "%none"),
        rewritten("  %r : Tensor = aten::relu_(%n)\n" + quantize), rewritten("  return (%n)")}) {
    EXPECT_NE(picture.find("aten::layer_norm"), std::string::npos) << picture;
  }
}

}  // namespace
}  // namespace int8graph
