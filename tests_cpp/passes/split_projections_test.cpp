#include "passes/split_projections.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>

#include "ops/node_arguments.h"
#include "testing/ir.h"

namespace int8graph {
namespace {

namespace jit = torch::jit;

/// Queries and values of a projection to 2 x 4 channels, as nn.MultiheadAttention takes them.
std::shared_ptr<jit::Graph> projection(const at::Tensor& weight, const std::string& parts = "%two",
                                       const std::string& also = "") {
  return ir(R"IR(
graph(%x : Tensor, %n : int, %w : Tensor, %b : Tensor):
  %m2 : int = prim::Constant[value=-2]()
  %m1 : int = prim::Constant[value=-1]()
  %zero : int = prim::Constant[value=0]()
  %one : int = prim::Constant[value=1]()
  %two : int = prim::Constant[value=2]()
  %v : Tensor = aten::dequantize(%w)
  %y : Tensor = aten::linear(%x, %v, %b)
  %sizes : int[] = prim::ListConstruct()IR" +
                parts + R"IR(, %n)
  %1 : Tensor = aten::unflatten(%y, %m1, %sizes)
  %2 : Tensor = aten::unsqueeze(%1, %zero)
  %3 : Tensor = aten::transpose(%2, %zero, %m2)
  %4 : Tensor = aten::squeeze(%3, %m2)
  %p : Tensor = aten::contiguous(%4, %zero)
  %q : Tensor = aten::select(%p, %zero, %zero)
  %k : Tensor = aten::select(%p, %zero, %one)
)IR" + also + R"IR(
  %z : Tensor = aten::matmul(%q, %k)
  return (%z))IR",
            {{"w", weight}, {"b", at::arange(8, at::kFloat)}});
}

at::Tensor constant_argument(const jit::Node& node, size_t position) {
  return *constant_tensor(node.input(position));
}

void expect_parts(const at::Tensor& weight) {
  const auto graph = projection(weight);
  split_projections(graph);
  jit::EliminateDeadCode(graph);
  graph->lint();
  EXPECT_EQ(picture_of(*graph),
            "a = aten::dequantize(tensor)\n"
            "b = aten::linear(x, a, tensor)\n"
            "c = aten::dequantize(tensor)\n"
            "d = aten::linear(x, c, tensor)\n"
            "e = aten::matmul(b, d)\n"
            "return e\n");
  const jit::Node& product = *find_node(*graph, "aten::matmul");
  for (int64_t part = 0; part < 2; ++part) {
    const jit::Node& linear = *product.input(static_cast<size_t>(part))->node();
    const at::Tensor expected = weight.dequantize().narrow(0, 4 * part, 4);
    EXPECT_TRUE(at::equal(constant_argument(linear, 1).dequantize(), expected));
    EXPECT_TRUE(at::equal(constant_argument(linear, 2), at::arange(4, at::kFloat) + 4 * part));
  }
}

TEST(SplitProjections, GivesEachPartALayerOfItsOwn) {
  expect_parts(int8_weight({8, 4}));
  expect_parts(at::quantize_per_tensor(at::randn({8, 4}), 0.02, 0, at::kQInt8));
}

TEST(SplitProjections, WhatIsReadWholeOrDoesNotDivideStays) {
  for (const auto& graph :
       {projection(int8_weight({8, 4}), "%two", "  %s : int[] = aten::size(%p)\n"),
        projection(int8_weight({8, 4}), "%two", "  %r : Tensor = aten::relu_(%k)\n"),
        projection(int8_weight({8, 4}), "%n"), projection(int8_weight({7, 4}))}) {
    const std::string before = graph->toString();
    split_projections(graph);
    EXPECT_EQ(graph->toString(), before);
  }
}

}  // namespace
}  // namespace int8graph
