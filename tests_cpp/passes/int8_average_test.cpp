#include "passes/int8_average.h"

#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>

#include "testing/ir.h"

namespace int8graph {
namespace {

/// What becomes of an average of `averaged`: %x, or %d, which is dequantized.
std::string rewritten(const std::string& averaged, const std::string& before = "",
                      const std::string& name = "adaptive_avg_pool2d") {
  const auto graph =
      ir("graph(%x : Tensor):\n"
         "  %scale : float = prim::Constant[value=0.5]()\n"
         "  %zero_point : int = prim::Constant[value=3]()\n"
         "  %dtype : int = prim::Constant[value=13]()\n"
         "  %one : int = prim::Constant[value=1]()\n"
         "  %size : int[] = prim::ListConstruct(%one, %one)\n"
         "  %q : Tensor = aten::quantize_per_tensor(%x, %scale, %zero_point, %dtype)\n"
         "  %d : Tensor = aten::dequantize(%q)\n" +
         before + "  %y : Tensor = aten::" + name + "(" + averaged + ", %size)\n  return (%y)");
  average_in_int8(*graph->block());
  torch::jit::EliminateDeadCode(graph);
  return picture_of(*graph);
}

TEST(Int8Average, ReadsInt8AsItIs) {
  const std::string picture = rewritten("%d");
  EXPECT_NE(picture.find("= int8graph::adaptive_avg_pool2d(b, a)"), std::string::npos) << picture;
  EXPECT_EQ(picture.find("dequantize"), std::string::npos) << picture;
}

TEST(Int8Average, KnowsAllNumbersOfDimensions) {
  for (const std::string name : {"adaptive_avg_pool1d", "adaptive_avg_pool3d"}) {
    EXPECT_NE(rewritten("%d", "", name).find("int8graph::" + name), std::string::npos);
  }
}

TEST(Int8Average, LeavesWhatSomebodyWritesTo) {
  const std::string picture = rewritten("%d", "  %r : Tensor = aten::relu_(%d)\n");
  EXPECT_NE(picture.find("= aten::adaptive_avg_pool2d"), std::string::npos) << picture;
}

TEST(Int8Average, LeavesAveragesOfFp32) {
  const std::string picture = rewritten("%x");
  EXPECT_NE(picture.find("= aten::adaptive_avg_pool2d(x, "), std::string::npos) << picture;
}

}  // namespace
}  // namespace int8graph
