#include "passes/int8_lookup.h"

#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>

#include "testing/ir.h"

namespace int8graph {
namespace {

std::string rewritten(const std::string& lookup, const std::string& results,
                      const at::Tensor& table = int8_weight({10, 6})) {
  const auto graph =
      ir("graph(%ids : Tensor, %offsets : Tensor, %table):\n"
         "  %no : bool = prim::Constant[value=0]()\n"
         "  %zero : int = prim::Constant[value=0]()\n"
         "  %none : NoneType = prim::Constant()\n"
         "  %w : Tensor = aten::dequantize(%table)\n"
         "  " +
             lookup + "\n  return (" + results + ")",
         {{"table", table}});
  look_up_in_int8(*graph->block());
  torch::jit::EliminateDeadCode(graph);
  return picture_of(*graph);
}

TEST(Int8Lookup, ReadsTheTableAsItIs) {
  EXPECT_EQ(rewritten("%e : Tensor = aten::embedding(%w, %ids, %zero, %no, %no)", "%e"),
            "a = int8graph::embedding(tensor, ids, 0, False, False)\n"
            "return a\n");
}

TEST(Int8Lookup, LeavesTablesThatAreNoneOfOurs) {
  const at::Tensor values = at::ones({10, 6});
  const at::Tensor zero_points = at::full({10}, 3, at::kLong);
  const std::vector<at::Tensor> tables = {
      at::quantize_per_tensor(values, 0.1, 0, at::kQUInt8),
      at::quantize_per_tensor(values, 0.1, 3, at::kQInt8),
      at::quantize_per_channel(values, at::ones({10}), zero_points, 0, at::kQInt8),
      int8_weight({10, 6}, 1),
  };
  for (const at::Tensor& table : tables) {
    const std::string picture =
        rewritten("%e : Tensor = aten::embedding(%w, %ids, %zero, %no, %no)", "%e", table);
    EXPECT_NE(picture.find("aten::embedding(a"), std::string::npos) << picture;
  }
}

constexpr const char* kBag =
    "%e : Tensor, %a : Tensor, %b : Tensor, %c : Tensor = "
    "aten::embedding_bag(%w, %ids, %offsets, %no, %zero, %no, %none, %no, %none)";

TEST(Int8Lookup, ReadsBagsWhoseRowsAloneAreUsed) {
  EXPECT_NE(rewritten(kBag, "%e").find("int8graph::embedding_bag(tensor, ids"), std::string::npos);
  EXPECT_NE(rewritten("%e : Tensor, %a : Tensor, %b : Tensor, %c : Tensor = "
                      "aten::embedding_bag(%w, %ids, %offsets, %no, %zero, %no, %none, %no)",
                      "%e")
                .find("int8graph::embedding_bag(tensor, ids"),
            std::string::npos);
  EXPECT_NE(rewritten(kBag, "%e, %a").find("aten::embedding_bag(a, ids"), std::string::npos);
}

}  // namespace
}  // namespace int8graph
