#include "quantize/canonicalize.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>

#include "testing/ir.h"

namespace int8graph {
namespace {

std::string canonical(const std::string& node, const at::Tensor& weight) {
  const auto graph = ir(R"IR(
graph(%x : Tensor, %w : Tensor, %b : Tensor):
  %yes : bool = prim::Constant[value=1]()
  %no : bool = prim::Constant[value=0]()
  %two : int = prim::Constant[value=2]()
  %half : float = prim::Constant[value=0.5]()
  %s : int[] = prim::Constant[value=[1, 2]]()
  %p : int[] = prim::Constant[value=[3, 4]]()
  %d : int[] = prim::Constant[value=[5, 6]]()
  %o : int[] = prim::Constant[value=[7, 8]]()
  %r : Tensor = )IR" + node +
                            R"IR(
  return (%r))IR",
                        {{"w", weight}});
  canonicalize(graph);
  return picture_of(*graph);
}

TEST(Canonicalize, GenericConvolutionsAreWrittenByTheRankOfTheirWeight) {
  EXPECT_EQ(
      canonical("aten::_convolution(%x, %w, %b, %s, %p, %d, %no, %o, %two, %no, %no, %no, %no)",
                at::ones({4, 2, 3, 3})),
      "a = aten::conv2d(x, tensor, b, [1, 2], [3, 4], [5, 6], 2)\nreturn a\n");
  EXPECT_EQ(
      canonical("aten::convolution(%x, %w, %b, %s, %p, %d, %no, %o, %two)", at::ones({4, 2, 3})),
      "a = aten::conv1d(x, tensor, b, [1, 2], [3, 4], [5, 6], 2)\nreturn a\n");
}

TEST(Canonicalize, TransposedConvolutionsHaveTheirArgumentsInAnotherOrder) {
  EXPECT_EQ(
      canonical("aten::_convolution(%x, %w, %b, %s, %p, %d, %yes, %o, %two, %no, %no, %no, %no)",
                at::ones({4, 2, 3, 3})),
      "a = aten::conv_transpose2d(x, tensor, b, [1, 2], [3, 4], [7, 8], 2, [5, 6])\nreturn a\n");
}

TEST(Canonicalize, AConvolutionThatNoRowHasStays) {
  EXPECT_EQ(canonical("aten::convolution(%x, %w, %b, %s, %p, %d, %no, %o, %two)", at::ones({4, 2})),
            "a = aten::convolution(x, tensor, b, [1, 2], [3, 4], [5, 6], False, [7, 8], 2)\n"
            "return a\n");
}

std::string canonical_addmm(const at::Tensor& bias, const std::string& factors) {
  const auto graph = ir(R"IR(
graph(%x : Tensor, %w : Tensor, %b : Tensor):
  %one : int = prim::Constant[value=1]()
  %two : int = prim::Constant[value=2]()
  %r : Tensor = aten::addmm(%b, %x, %w, )IR" +
                            factors +
                            R"IR()
  return (%r))IR",
                        {{"w", at::ones({3, 4})}, {"b", bias}});
  canonicalize(graph);
  return picture_of(*graph);
}

TEST(Canonicalize, AddmmWithConstantsIsALinearLayer) {
  EXPECT_EQ(canonical_addmm(at::ones({4}), "%one, %one"),
            "a = aten::linear(x, tensor, tensor)\nreturn a\n");
}

TEST(Canonicalize, OtherAddmmsStay) {
  EXPECT_EQ(canonical_addmm(at::ones({4}), "%one, %two"),
            "a = aten::addmm(tensor, x, tensor, 1, 2)\nreturn a\n");
  EXPECT_EQ(canonical_addmm(at::ones({2, 4}), "%one, %one"),
            "a = aten::addmm(tensor, x, tensor, 1, 1)\nreturn a\n");
}

TEST(Canonicalize, DropoutIsItsInputExceptInTraining) {
  EXPECT_EQ(canonical("aten::dropout(%x, %half, %no)", at::ones({1})), "return x\n");
  EXPECT_EQ(canonical("aten::feature_dropout(%x, %half, %no)", at::ones({1})), "return x\n");
  EXPECT_EQ(canonical("aten::dropout(%x, %half, %yes)", at::ones({1})),
            "a = aten::dropout(x, 0.5, True)\nreturn a\n");
}

}  // namespace
}  // namespace int8graph
