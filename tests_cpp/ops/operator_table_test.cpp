#include "ops/operator_table.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/runtime/operator.h>

#include <set>
#include <string>

#include "testing/ir.h"

namespace int8graph {
namespace {

TEST(OperatorTable, EachSymbolBelongsToOneRow) {
  std::set<std::string_view> symbols;
  for (const Operator& row : operator_table()) {
    EXPECT_FALSE(row.symbols.empty()) << row.name;
    for (const auto symbol : row.symbols) {
      EXPECT_TRUE(symbols.insert(symbol).second) << symbol;
      EXPECT_EQ(find_operator(symbol), &row) << symbol;
    }
  }
}

TEST(OperatorTable, EachNameBelongsToOneRow) {
  for (const Operator& row : operator_table()) {
    EXPECT_EQ(find_operator_by_name(row.name), &row) << row.name;
  }
}

TEST(OperatorTable, PyTorchHasEachSymbol) {
  for (const Operator& row : operator_table()) {
    for (const auto symbol : row.symbols) {
      const auto name = c10::Symbol::fromQualString(std::string(symbol));
      EXPECT_FALSE(torch::jit::getAllOperatorsFor(name).empty()) << symbol;
    }
  }
}

TEST(OperatorTable, WhatIsRecordedReadsAnActivationOrAWeight) {
  for (const Operator& row : operator_table()) {
    EXPECT_TRUE(!row.recorded() || !row.activations.empty() || row.weight) << row.name;
  }
}

TEST(OperatorTable, WhatComputesHasAWeightUnlessItMultipliesActivations) {
  for (const Operator& row : operator_table()) {
    if (!row.is_compute()) continue;
    EXPECT_EQ(row.weight.has_value(), row.op_class != OpClass::MatMul) << row.name;
    EXPECT_TRUE(!row.weight || row.lower != nullptr) << row.name;
    EXPECT_TRUE(row.recorded()) << row.name;
  }
}

TEST(OperatorTable, InPlaceFormsStandBesideTheirPureForms) {
  for (const Operator& row : operator_table()) {
    for (const auto symbol : row.symbols) {
      if (!symbol.ends_with('_')) continue;
      EXPECT_EQ(find_operator(symbol.substr(0, symbol.size() - 1)), &row) << symbol;
    }
  }
}

TEST(OperatorTable, OnlyWhatMovesElementsIsAView) {
  EXPECT_TRUE(find_operator("aten::flatten")->moves_elements());
  EXPECT_TRUE(find_operator("aten::permute")->moves_elements());
  EXPECT_FALSE(find_operator("aten::relu")->moves_elements());
  EXPECT_FALSE(find_operator("aten::max_pool2d")->moves_elements());
}

TEST(OperatorTable, ViewsAndMaxPoolsKeepParameters) {
  EXPECT_TRUE(find_operator("aten::permute")->keeps_parameters());
  EXPECT_TRUE(find_operator("aten::max_pool2d")->keeps_parameters());
  EXPECT_FALSE(find_operator("aten::avg_pool2d")->keeps_parameters());
  EXPECT_FALSE(find_operator("aten::adaptive_avg_pool2d")->keeps_parameters());
  EXPECT_FALSE(find_operator("aten::relu")->keeps_parameters());
}

TEST(OperatorTable, LayersAndPoolsTellTheirSpatialDimensions) {
  for (const Operator& row : operator_table()) {
    if (row.op_class == OpClass::Conv || row.op_class == OpClass::Pool) {
      EXPECT_GT(row.spatial_dimensions(), 0U) << row.name;
    }
  }
  EXPECT_EQ(find_operator("aten::conv1d")->spatial_dimensions(), 1U);
  EXPECT_EQ(find_operator("aten::conv_transpose2d")->spatial_dimensions(), 2U);
  EXPECT_EQ(find_operator("aten::avg_pool3d")->spatial_dimensions(), 3U);
  EXPECT_EQ(find_operator("aten::linear")->spatial_dimensions(), 0U);
}

TEST(FindOperator, KnowsNothingOfUnknownNames) {
  EXPECT_EQ(find_operator("aten::erfinv"), nullptr);
  EXPECT_EQ(find_operator("conv2d"), nullptr);
  EXPECT_EQ(find_operator_by_name("erfinv"), nullptr);
}

TEST(FindConvolution, GoesByTheWeightsRank) {
  EXPECT_EQ(find_convolution(3, false)->name, "conv1d");
  EXPECT_EQ(find_convolution(4, false)->name, "conv2d");
  EXPECT_EQ(find_convolution(5, false)->name, "conv3d");
  EXPECT_EQ(find_convolution(4, true)->name, "conv_transpose2d");
  EXPECT_EQ(find_convolution(2, false), nullptr);
  EXPECT_EQ(find_convolution(6, true), nullptr);
  EXPECT_TRUE(is_generic_convolution("aten::_convolution"));
  EXPECT_TRUE(is_generic_convolution("aten::convolution"));
  EXPECT_FALSE(is_generic_convolution("aten::conv2d"));
}

TEST(LowerNode, TellsWhyThereIsNoForm) {
  const auto graph = ir(R"IR(
graph(%x : Tensor):
  %a : Tensor = aten::erfinv(%x)
  %b : Tensor = aten::t(%a)
  %c : Tensor = aten::relu(%b)
  return (%c))IR");
  const auto reason = [&](const char* kind) {
    return std::get<Reason>(lower_node(*find_node(*graph, kind))).text;
  };
  EXPECT_EQ(reason("aten::erfinv"), "the operator table has no row for it");
  EXPECT_EQ(reason("aten::t"), "oneDNN Graph has no form for it");
  EXPECT_TRUE(std::holds_alternative<LoweredOp>(lower_node(*find_node(*graph, "aten::relu"))));
}

// --- Training ---

TEST(TrainingArgument, IsTheSchemasFlag) {
  for (const Operator& row : operator_table()) {
    if (!row.training_argument) continue;
    for (const std::string_view symbol : row.symbols) {
      const auto schema = c10::Dispatcher::singleton().findSchema({std::string(symbol), ""});
      ASSERT_TRUE(schema) << symbol;
      const std::string& name = schema->schema().arguments().at(*row.training_argument).name();
      EXPECT_TRUE(name == "train" || name == "training") << symbol << " " << name;
    }
  }
}

TEST(TrainingArgument, OnlyOperatorsThatTrainHaveOne) {
  EXPECT_TRUE(find_operator("aten::dropout_")->training_argument);
  EXPECT_TRUE(find_operator("aten::batch_norm")->training_argument);
  EXPECT_FALSE(find_operator("aten::relu")->training_argument);
  EXPECT_EQ(find_operator("some::operator"), nullptr);
}

}  // namespace
}  // namespace int8graph
