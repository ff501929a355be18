#include "passes/mark_reduced_floats.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>

#include "ops/operator_table.h"
#include "testing/ir.h"
#include "testing/small_models.h"

namespace int8graph {
namespace {

namespace jit = torch::jit;

class MarkReducedFloats : public testing::Test {
 protected:
  /// The dtype of each node's first output, in order: `b` for bfloat16, `.` for others.
  std::string marks(const std::string& body) {
    graph_ =
        ir("graph(%x : Tensor, %y : Tensor, %w : Tensor):\n"
           "  %none : NoneType = prim::Constant()\n"
           "  %no : bool = prim::Constant[value=0]()\n"
           "  %one : int = prim::Constant[value=1]()\n"
           "  %float : int = prim::Constant[value=6]()\n"
           "  %bf16 : int = prim::Constant[value=15]()\n"
           "  %a : Tensor = aten::to(%x, %bf16, %no, %no, %none)\n" +
               body,
           {{"w", noise({4, 4}).to(c10::kBFloat16)}});
    mark_reduced_floats(*graph_->block());
    std::string result;
    for (const jit::Node* node : graph_->nodes()) {
      if (node->kind() == c10::prim::Constant) continue;
      result += reduced_float(*node->output(0)) == c10::kBFloat16 ? 'b' : '.';
    }
    return result;
  }

  std::shared_ptr<jit::Graph> graph_;
};

TEST_F(MarkReducedFloats, FromACastOverOperatorsOfTheTable) {
  EXPECT_EQ(marks("  %b : Tensor = aten::linear(%a, %w, %none)\n"
                  "  %c : Tensor = aten::relu(%b)\n"
                  "  return (%c)"),
            "bbb");
}

TEST_F(MarkReducedFloats, NotOverACastToFloatOrAnUnknownOperator) {
  EXPECT_EQ(marks("  %b : Tensor = aten::to(%a, %float, %no, %no, %none)\n"
                  "  %c : Tensor = aten::relu(%b)\n"
                  "  %d : Tensor = aten::cumsum(%a, %one, %none)\n"
                  "  return (%c)"),
            "b...");
}

TEST_F(MarkReducedFloats, ASumOfTwoDtypesIsLeft) {
  EXPECT_EQ(marks("  %b : Tensor = aten::add(%a, %y, %one)\n"
                  "  %c : Tensor = aten::add(%a, %a, %one)\n"
                  "  return (%c)"),
            "b.b");
}

TEST_F(MarkReducedFloats, AConstantHasItsSay) {
  EXPECT_EQ(marks("  %b : Tensor = aten::add(%a, %w, %one)\n"
                  "  %c : Tensor = aten::pow(%a, %y)\n"
                  "  return (%c)"),
            "bb.");
}

TEST_F(MarkReducedFloats, ThroughLists) {
  EXPECT_EQ(marks("  %l : Tensor[] = prim::ListConstruct(%a, %a)\n"
                  "  %b : Tensor = aten::cat(%l, %one)\n"
                  "  %m : Tensor[] = aten::chunk(%b, %one, %one)\n"
                  "  %c : Tensor = prim::ListUnpack(%m)\n"
                  "  return (%c)"),
            "b.b.b");
}

TEST_F(MarkReducedFloats, NodesThatReadThemHaveNoRow) {
  marks(
      "  %b : Tensor = aten::linear(%a, %w, %none)\n"
      "  %c : Tensor = aten::linear(%x, %w, %none)\n"
      "  return (%b, %c)");
  for (jit::Node* node : graph_->nodes()) {
    if (node->kind() != c10::aten::linear) continue;
    const bool is_reduced = node->input(0) != graph_->inputs()[0];
    EXPECT_EQ(find_operator(*node) == nullptr, is_reduced);
    const Lowering lowering = lower_node(*node);
    if (is_reduced) {
      EXPECT_EQ(std::get<Reason>(lowering).text, "it computes in bfloat16 or float16");
    }
  }
}

}  // namespace
}  // namespace int8graph
