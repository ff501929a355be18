#include "ops/attached_nodes.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>

#include "testing/ir.h"

namespace int8graph {
namespace {

/// x -> pad -> conv2d, with another node behind the pad.
std::shared_ptr<torch::jit::Graph> padded(const std::string& pads,
                                          const std::string& mode = "constant",
                                          const std::string& value = "0.",
                                          const std::string& other = "aten::relu(%x)") {
  return ir(R"IR(
graph(%x : Tensor, %w : Tensor):
  %none : NoneType = prim::Constant()
  %one : int = prim::Constant[value=1]()
  %l : int[] = prim::Constant[value=[1, 1]]()
  %pads : int[] = prim::Constant[value=)IR" +
                pads + R"IR(]()
  %mode : str = prim::Constant[value=")IR" +
                mode + R"IR("]()
  %value : float = prim::Constant[value=)IR" +
                value + R"IR(]()
  %p : Tensor = aten::pad(%x, %pads, %mode, %value)
  %r : Tensor = aten::conv2d(%p, %w, %none, %l, %l, %l, %one)
  %o : Tensor = )IR" +
                other + R"IR(
  %both : (Tensor, Tensor) = prim::TupleConstruct(%r, %o)
  return (%both))IR",
            {{"w", at::ones({4, 4, 3, 3})}});
}

std::optional<ZeroPadding> padding_of(const std::shared_ptr<torch::jit::Graph>& graph) {
  return attached_padding(find_node(*graph, "aten::pad")->output(), 2);
}

TEST(AttachedPadding, GoesFromTheLastDimensionToTheFirst) {
  const auto graph = padded("[1, 2, 3, 4]");
  const auto padding = padding_of(graph);
  ASSERT_TRUE(padding.has_value());
  EXPECT_EQ(padding->input->debugName(), "x");
  EXPECT_EQ(padding->begin, (std::vector<int64_t>{3, 1}));
  EXPECT_EQ(padding->end, (std::vector<int64_t>{4, 2}));
}

TEST(AttachedPadding, MayLeaveDimensionsOut) {
  const auto padding = padding_of(padded("[0, 1]"));
  ASSERT_TRUE(padding.has_value());
  EXPECT_EQ(padding->begin, (std::vector<int64_t>{0, 0}));
  EXPECT_EQ(padding->end, (std::vector<int64_t>{0, 1}));
}

TEST(AttachedPadding, IsOfZerosOutsideTheEdgesAndForTheConvolutionAlone) {
  EXPECT_FALSE(padding_of(padded("[1, 1, 1, 1]", "reflect")));
  EXPECT_FALSE(padding_of(padded("[1, 1, 1, 1]", "constant", "0.5")));
  EXPECT_FALSE(padding_of(padded("[1, -1, 1, 1]")));
  EXPECT_FALSE(padding_of(padded("[0, 0, 0, 0, 1, 1]")));  // channels
  EXPECT_FALSE(padding_of(padded("[1, 1, 1, 1]", "constant", "0.", "aten::relu(%p)")));
}

TEST(IsAttached, ListsOfTensorsBelongToTheirOneReader) {
  const auto graph = ir(R"IR(
graph(%x : Tensor, %y : Tensor):
  %one : int = prim::Constant[value=1]()
  %l : Tensor[] = prim::ListConstruct(%x, %y)
  %r : Tensor = aten::cat(%l, %one)
  return (%r))IR");
  EXPECT_TRUE(is_attached(*find_node(*graph, "prim::ListConstruct")));
  EXPECT_FALSE(is_attached(*find_node(*graph, "aten::cat")));
  const auto shared = ir(R"IR(
graph(%x : Tensor, %y : Tensor):
  %one : int = prim::Constant[value=1]()
  %l : Tensor[] = prim::ListConstruct(%x, %y)
  %r : Tensor = aten::cat(%l, %one)
  %s : Tensor = aten::stack(%l, %one)
  %t : Tensor = aten::add(%r, %s, %one)
  return (%t))IR");
  EXPECT_FALSE(is_attached(*find_node(*shared, "prim::ListConstruct")));
  const auto ints = ir(R"IR(
graph(%x : Tensor, %n : int):
  %l : int[] = prim::ListConstruct(%n, %n)
  %r : Tensor = aten::reshape(%x, %l)
  return (%r))IR");
  EXPECT_FALSE(is_attached(*find_node(*ints, "prim::ListConstruct")));
}

}  // namespace
}  // namespace int8graph
