#include "executor/product_plan.h"

#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>

#include "executor/linear_plan.h"
#include "testing/ir.h"

namespace int8graph {
namespace {

/// The product of %x and %k, the second of which has that zero point.
std::shared_ptr<torch::jit::Graph> product(const std::string& zero_point) {
  return ir(R"IR(
graph(%x, %k):
  %scale : float = prim::Constant[value=0.5]()
  %zero : int = prim::Constant[value=0]()
  %second_zero : int = prim::Constant[value=)IR" +
            zero_point + R"IR(]()
  %s8 : int = prim::Constant[value=12]()
  %y = int8graph::dequantize(%x, %scale, %zero, %s8)
  %b = int8graph::dequantize(%k, %scale, %second_zero, %s8)
  %z = aten::matmul(%y, %b)
  return (%z)
)IR");
}

TEST(ProductPlan, ReadsTheProductOfTwoActivations) {
  const auto graph = product("0");
  const auto plan = product_plan(*graph);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->source.argument, 0);
  EXPECT_EQ(plan->second.argument, 1);
  EXPECT_TRUE(plan->post_ops.empty());
  EXPECT_EQ(plan->quantizer, nullptr);
  EXPECT_FALSE(linear_plan(*graph));
}

TEST(ProductPlan, LeavesASecondOneWithAZeroPointToOneDnnGraph) {
  EXPECT_FALSE(product_plan(*product("3")));
}

}  // namespace
}  // namespace int8graph
