#include "quantize/attention.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>

#include "testing/ir.h"

namespace int8graph {
namespace {

namespace jit = torch::jit;

constexpr const char* kAttention = "aten::scaled_dot_product_attention";

/// Attention over queries of size 16; the arguments behind the mask are given.
std::shared_ptr<jit::Graph> attention(const std::string& arguments,
                                      const std::string& mask = "%none") {
  return ir(R"IR(
graph(%q : Float(2, 4, 16, strides=[64, 16, 1], device=cpu), %k : Tensor, %v : Tensor,
      %bools : Bool(4, 4, strides=[4, 1], device=cpu), %floats : Float(4, 4, strides=[4, 1], device=cpu)):
  %none : NoneType = prim::Constant()
  %no : bool = prim::Constant[value=0]()
  %yes : bool = prim::Constant[value=1]()
  %zero : float = prim::Constant[value=0.]()
  %tenth : float = prim::Constant[value=0.1]()
  %scale : float = prim::Constant[value=0.25]()
  %y : Tensor = aten::scaled_dot_product_attention(%q, %k, %v, )IR" +
            mask + ", " + arguments + ")\n  return (%y)");
}

std::optional<c10::IValue> constant_argument(jit::Graph& graph, size_t position) {
  return jit::toIValue(find_node(graph, kAttention)->input(position));
}

// --- What a graph leaves to be inferred ---

TEST(MakeAttentionExplicit, WritesTheScale) {
  const auto graph = attention("%zero, %no, %none, %no");
  make_attention_explicit(*graph->block());
  EXPECT_EQ(constant_argument(*graph, 6)->toDouble(), 0.25);  // 1 / sqrt(16)
}

TEST(MakeAttentionExplicit, AGivenScaleStays) {
  const auto graph = attention("%zero, %no, %tenth, %no");
  make_attention_explicit(*graph->block());
  EXPECT_EQ(constant_argument(*graph, 6)->toDouble(), 0.1);
}

TEST(MakeAttentionExplicit, ABooleanMaskBecomesOneToAdd) {
  const auto graph = attention("%zero, %no, %scale, %no", "%bools");
  make_attention_explicit(*graph->block());
  const jit::Node* where = find_node(*graph, kAttention)->input(3)->node();
  ASSERT_EQ(where->kind(), c10::aten::where);
  EXPECT_EQ(where->input(0)->debugName(), "bools");
  EXPECT_EQ(jit::toIValue(where->input(1))->toDouble(), 0.0);
  EXPECT_LT(jit::toIValue(where->input(2))->toDouble(), -1e38);
}

TEST(MakeAttentionExplicit, AMaskOfNumbersStays) {
  const auto graph = attention("%zero, %no, %scale, %no", "%floats");
  const std::string before = picture_of(*graph);
  make_attention_explicit(*graph->block());
  EXPECT_EQ(picture_of(*graph), before);
}

// --- As matmuls ---

class DecomposeAttention : public testing::Test {
 protected:
  DecomposeAttention() {
    entry_.name = "scaled_dot_product_attention";
    entry_.input_scales = {0.125, 0.25, 0.5};
    entry_.input_zero_points = {128, 0, 0};
    entry_.input_quantized_dtypes = {QDType::UInt8, QDType::Int8, QDType::Int8};
    entry_.inputs_quantized = {true, true, true};
  }

  size_t decompose(const std::shared_ptr<jit::Graph>& graph) {
    MatchedEntries matched = {{find_node(*graph, kAttention), &entry_}};
    const size_t decomposed = decompose_attention(*graph->block(), matched);
    EXPECT_TRUE(matched.empty());
    graph->lint();
    return decomposed;
  }

  void expect_to_stay(const std::shared_ptr<jit::Graph>& graph) {
    const std::string before = graph->toString();
    EXPECT_EQ(decompose(graph), 0);
    EXPECT_EQ(graph->toString(), before);
  }

  OperatorEntry entry_;
};

TEST_F(DecomposeAttention, WritesTwoMatmulsAroundASoftmax) {
  const auto graph = attention("%zero, %no, %scale, %no");
  EXPECT_EQ(decompose(graph), 1);
  EXPECT_EQ(picture_of(*graph),
            "a = aten::quantize_per_tensor(k, 0.25, 0, 12)\n"
            "b = aten::dequantize(a)\n"
            "c = aten::transpose(b, -2, -1)\n"
            "d = aten::quantize_per_tensor(q, 0.125, 128, 13)\n"
            "e = aten::dequantize(d)\n"
            "f = aten::matmul(e, c)\n"
            "g = aten::div(f, 4.)\n"
            "h = aten::softmax(g, -1, None)\n"
            "i = aten::quantize_per_tensor(h, 0.0039215686274509803, 0, 13)\n"
            "j = aten::dequantize(i)\n"
            "k = aten::quantize_per_tensor(v, 0.5, 0, 12)\n"
            "l = aten::dequantize(k)\n"
            "m = aten::matmul(j, l)\n"
            "return m\n");
}

TEST_F(DecomposeAttention, AddsAMaskToTheScores) {
  const auto graph = attention("%zero, %no, %scale, %no", "%floats");
  EXPECT_EQ(decompose(graph), 1);
  const jit::Node* add = find_node(*graph, "aten::add");
  EXPECT_EQ(add->input(0)->node()->kind(), c10::aten::div);
  EXPECT_EQ(add->input(1)->debugName(), "floats");
  EXPECT_EQ(add->output()->uses().front().user->kind(), c10::aten::softmax);
}

TEST_F(DecomposeAttention, AMaskThatMayBeOfBooleansStays) {
  expect_to_stay(attention("%zero, %no, %scale, %no", "%bools"));
  expect_to_stay(attention("%zero, %no, %scale, %no", "%v"));
}

/// Attention whose mask is made of a tensor of which nothing is known, and of something else.
std::shared_ptr<jit::Graph> attention_with_product(const std::string& other) {
  const auto graph = attention("%zero, %no, %scale, %no", "%floats");
  jit::Node* node = find_node(*graph, kAttention);
  const jit::WithInsertPoint guard(node);
  jit::Value* unknown = graph->inputs()[2];
  jit::Value* factor = other == "number" ? graph->insertConstant(-1e4) : unknown;
  node->replaceInput(3, graph->insert(c10::aten::mul, {unknown, factor}));
  return graph;
}

TEST_F(DecomposeAttention, AMaskThatArithmeticMadeHoldsNumbersIfThatReadsSome) {
  EXPECT_EQ(decompose(attention_with_product("number")), 1);
  expect_to_stay(attention_with_product("unknown"));
}

TEST_F(DecomposeAttention, AMaskThatWasKnownToHoldNumbersDoes) {
  const auto graph = attention("%zero, %no, %scale, %no", "%floats");
  make_attention_explicit(*graph->block());
  graph->inputs()[4]->setType(c10::TensorType::get());  // as freezing does
  EXPECT_EQ(decompose(graph), 1);
  const auto unmatched = attention("%zero, %no, %scale, %no", "%floats");
  const std::string before = unmatched->toString();
  make_attention_explicit(*unmatched->block());
  MatchedEntries none;
  decompose_attention(*unmatched->block(), none);
  EXPECT_EQ(unmatched->toString(), before);
}

TEST_F(DecomposeAttention, AMaskThatIsChosenMayBeOfBooleansToo) {
  const auto graph = attention("%zero, %no, %scale, %no", "%floats");
  jit::Node* node = find_node(*graph, kAttention);
  {
    const jit::WithInsertPoint guard(node);
    jit::Value* unknown = graph->inputs()[2];
    jit::Value* bools = graph->inputs()[3];
    node->replaceInput(3, graph->insert(c10::aten::where, {bools, unknown, unknown}));
  }
  expect_to_stay(graph);
}

TEST_F(DecomposeAttention, WhatMatmulsCanNotSayStays) {
  for (const char* arguments : {"%tenth, %no, %scale, %no", "%zero, %yes, %scale, %no",
                                "%zero, %no, %scale, %yes", "%zero, %no, %none, %no"}) {
    SCOPED_TRACE(arguments);
    expect_to_stay(attention(arguments));
  }
}

TEST_F(DecomposeAttention, AttentionWithAnInputInFp32Stays) {
  entry_.inputs_quantized = {true, true, false};
  expect_to_stay(attention("%zero, %no, %scale, %no"));
}

TEST_F(DecomposeAttention, AttentionWithoutAnEntryStays) {
  const auto graph = attention("%zero, %no, %scale, %no");
  MatchedEntries none;
  EXPECT_EQ(decompose_attention(*graph->block(), none), 0);
}

}  // namespace
}  // namespace int8graph
