#include "quantize/insert_quantizers.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>

#include "testing/ir.h"
#include "testing/small_models.h"

namespace int8graph {
namespace {

namespace jit = torch::jit;

OperatorEntry entry(const std::string& name, std::vector<bool> inputs, bool output,
                    std::vector<double> weight_scales = {}) {
  OperatorEntry result;
  result.name = name;
  for (size_t i = 0; i < inputs.size(); ++i) {
    result.input_scales.push_back(0.25);
    result.input_zero_points.push_back(128);
    result.input_quantized_dtypes.push_back(QDType::UInt8);
  }
  result.inputs_quantized = std::move(inputs);
  result.output_scales = {0.5};
  result.output_zero_points = {0};
  result.output_quantized_dtypes = {QDType::Int8};
  result.outputs_quantized = {output};
  if (!weight_scales.empty()) result.weight_scales = {std::move(weight_scales)};
  return result;
}

constexpr const char* kInt8 = "x, 0.25, 128, 13";

class InsertQuantizers : public testing::Test {
 protected:
  /// x -> linear -> result
  InsertQuantizers()
      : graph_(ir(R"IR(
graph(%x : Tensor, %y : Tensor, %w : Tensor):
  %none : NoneType = prim::Constant()
  %one : int = prim::Constant[value=1]()
  %a : Tensor = aten::linear(%x, %w, %none)
  %l : Tensor[] = prim::ListConstruct(%x, %y)
  %c : Tensor = aten::cat(%l, %one)
  %s : Tensor = aten::add(%a, %x, %one)
  %r : (Tensor, Tensor) = prim::TupleConstruct(%s, %c)
  return (%r))IR",
                  {{"w", noise({2, 3})}})) {}

  size_t insert(const std::vector<OperatorEntry>& entries) {
    MatchedEntries matched;
    for (const OperatorEntry& e : entries) {
      matched.emplace(find_node(*graph_, "aten::" + e.name), &e);
    }
    const size_t computing = insert_quantizers(graph_, matched, weights_of(matched));
    graph_->lint();
    return computing;
  }

  std::shared_ptr<jit::Graph> graph_;
};

TEST_F(InsertQuantizers, PutsThemBeforeAnOperatorAndItsWeight) {
  EXPECT_EQ(insert({entry("linear", {true}, false, {0.1, 0.2})}), 1);
  EXPECT_EQ(picture_of(*graph_),
            "a = aten::quantize_per_tensor(x, 0.25, 128, 13)\n"
            "b = aten::dequantize(a)\n"
            "c = aten::dequantize(tensor)\n"
            "d = aten::linear(b, c, None)\n"
            "e = prim::ListConstruct(x, y)\n"
            "f = aten::cat(e, 1)\n"
            "g = aten::add(d, x, 1)\n"
            "h = prim::TupleConstruct(g, f)\n"
            "return h\n");
  const jit::Node* weight = find_node(*graph_, "aten::linear")->input(1)->node();
  const at::Tensor constant = jit::toIValue(weight->input(0))->toTensor();
  EXPECT_EQ(constant.scalar_type(), at::kQInt8);
  EXPECT_TRUE(at::allclose(constant.q_per_channel_scales(), at::tensor({0.1, 0.2}, at::kDouble)));
}

TEST_F(InsertQuantizers, PutsThemBehindAnOperator) {
  EXPECT_EQ(insert({entry("add", {false, true}, true)}), 0);
  EXPECT_EQ(picture_of(*graph_),
            "a = aten::linear(x, tensor, None)\n"
            "b = prim::ListConstruct(x, y)\n"
            "c = aten::cat(b, 1)\n"
            "d = aten::quantize_per_tensor(x, 0.25, 128, 13)\n"
            "e = aten::dequantize(d)\n"
            "f = aten::add(a, e, 1)\n"
            "g = aten::quantize_per_tensor(f, 0.5, 0, 12)\n"
            "h = aten::dequantize(g)\n"
            "i = prim::TupleConstruct(h, c)\n"
            "return i\n");
}

TEST_F(InsertQuantizers, PutsThemBeforeTheElementsOfAList) {
  insert({entry("cat", {false, true}, false)});
  EXPECT_EQ(picture_of(*graph_),
            "a = aten::linear(x, tensor, None)\n"
            "b = aten::quantize_per_tensor(y, 0.25, 128, 13)\n"
            "c = aten::dequantize(b)\n"
            "d = prim::ListConstruct(x, c)\n"
            "e = aten::cat(d, 1)\n"
            "f = aten::add(a, x, 1)\n"
            "g = prim::TupleConstruct(f, e)\n"
            "return g\n");
}

TEST_F(InsertQuantizers, AConstantSummandStaysInFp32) {
  graph_ = ir(R"IR(
graph(%x : Tensor, %position : Tensor):
  %one : int = prim::Constant[value=1]()
  %s : Tensor = aten::add(%x, %position, %one)
  return (%s))IR",
              {{"position", noise({2, 3})}});
  insert({entry("add", {true, true}, false)});
  EXPECT_EQ(picture_of(*graph_),
            "a = aten::quantize_per_tensor(x, 0.25, 128, 13)\n"
            "b = aten::dequantize(a)\n"
            "c = aten::add(b, tensor, 1)\n"
            "return c\n");
}

TEST_F(InsertQuantizers, WhatIsWrittenInPlaceStaysInFp32) {
  graph_ = ir(R"IR(
graph(%x : Tensor, %y : Tensor):
  %one : int = prim::Constant[value=1]()
  %zero : int = prim::Constant[value=0]()
  %a : Tensor = aten::relu(%x)
  %flat : Tensor = aten::flatten(%a, %zero, %one)
  %s : Tensor = aten::add_(%a, %y, %one)
  %r : (Tensor, Tensor) = prim::TupleConstruct(%s, %flat)
  return (%r))IR");
  const OperatorEntry relu = entry("relu", {false}, true);
  const OperatorEntry sum = entry("add", {true, true}, true);
  const MatchedEntries matched = {{find_node(*graph_, "aten::relu"), &relu},
                                  {find_node(*graph_, "aten::add_"), &sum}};
  insert_quantizers(graph_, matched, {});
  EXPECT_EQ(picture_of(*graph_),
            "a = aten::relu(x)\n"
            "b = aten::flatten(a, 0, 1)\n"
            "c = aten::quantize_per_tensor(y, 0.25, 128, 13)\n"
            "d = aten::dequantize(c)\n"
            "e = aten::add_(a, d, 1)\n"
            "f = prim::TupleConstruct(e, b)\n"
            "return f\n");
}

TEST_F(InsertQuantizers, ATableThatWasNoParameterStaysInFp32) {
  graph_ = ir(R"IR(
graph(%i : Tensor, %table : Tensor):
  %p : int = prim::Constant[value=-1]()
  %no : bool = prim::Constant[value=0]()
  %e : Tensor = aten::embedding(%table, %i, %p, %no, %no)
  return (%e))IR",
              {{"table", noise({5, 3})}});
  const std::string before = graph_->toString();
  insert({entry("embedding", {}, false)});
  EXPECT_EQ(graph_->toString(), before);
}

TEST_F(InsertQuantizers, EqualQuantizersOfOneValueBecomeOne) {
  insert({entry("linear", {true}, false, {0.1, 0.2}), entry("add", {false, true}, false)});
  const std::string picture = picture_of(*graph_);
  const size_t first = picture.find(kInt8);
  ASSERT_NE(first, std::string::npos);
  EXPECT_EQ(picture.find(kInt8, first + 1), std::string::npos) << picture;
}

TEST_F(InsertQuantizers, AnOperatorWithoutInt8InputKeepsItsWeight) {
  const std::string before = graph_->toString();
  EXPECT_EQ(insert({entry("linear", {false}, false, {0.1, 0.2})}), 0);
  EXPECT_EQ(graph_->toString(), before);
}

}  // namespace
}  // namespace int8graph
