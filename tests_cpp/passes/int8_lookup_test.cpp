#include "passes/int8_lookup.h"

#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>

#include "testing/ir.h"

namespace int8graph {
namespace {

std::string rewritten(const std::string& lookup, const std::string& results) {
  const auto graph =
      ir("graph(%ids : Tensor, %offsets : Tensor, %table):\n"
         "  %no : bool = prim::Constant[value=0]()\n"
         "  %zero : int = prim::Constant[value=0]()\n"
         "  %none : NoneType = prim::Constant()\n"
         "  %w : Tensor = aten::dequantize(%table)\n"
         "  " +
             lookup + "\n  return (" + results + ")",
         {{"table", int8_weight({10, 6})}});
  look_up_in_int8(*graph->block());
  torch::jit::EliminateDeadCode(graph);
  return picture_of(*graph);
}

TEST(Int8Lookup, ReadsTheTableAsItIs) {
  EXPECT_EQ(rewritten("%e : Tensor = aten::embedding(%w, %ids, %zero, %no, %no)", "%e"),
            "a = int8graph::embedding(tensor, ids, 0, False, False)\n"
            "return a\n");
}

constexpr const char* kBag =
    "%e : Tensor, %a : Tensor, %b : Tensor, %c : Tensor = "
    "aten::embedding_bag(%w, %ids, %offsets, %no, %zero, %no, %none, %no, %none)";

TEST(Int8Lookup, ReadsBagsWhoseRowsAloneAreUsed) {
  EXPECT_NE(rewritten(kBag, "%e").find("int8graph::embedding_bag(tensor, ids"), std::string::npos);
  EXPECT_NE(rewritten(kBag, "%e, %a").find("aten::embedding_bag(a, ids"), std::string::npos);
}

}  // namespace
}  // namespace int8graph
