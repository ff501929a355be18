#include "quantize/match_entries.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>

#include "testing/ir.h"
#include "testing/messages.h"

namespace int8graph {
namespace {

namespace jit = torch::jit;

/// x -> linear -> relu -> linear, with eight and four output channels.
std::shared_ptr<jit::Graph> two_layers() {
  return ir(R"IR(
graph(%x : Tensor, %w : Tensor, %v : Tensor):
  %none : NoneType = prim::Constant()
  %a : Tensor = aten::linear(%x, %w, %none)
  %b : Tensor = aten::relu(%a)
  %c : Tensor = aten::linear(%b, %v, %none)
  return (%c))IR",
            {{"w", at::ones({8, 8})}, {"v", at::ones({4, 8})}});
}

OperatorEntry entry(const std::string& name, size_t inputs = 1) {
  OperatorEntry result;
  result.name = name;
  result.inputs_flow.assign(inputs, "x");
  result.inputs_quantized.assign(inputs, false);
  result.outputs_flow = {"y"};
  result.outputs_quantized = {false};
  return result;
}

OperatorEntry layer(const std::string& name, size_t channels) {
  OperatorEntry result = entry(name);
  result.inputs_quantized = {true};
  result.weight_scales = {std::vector<double>(channels, 0.1)};
  return result;
}

std::vector<OperatorEntry> numbered(std::vector<OperatorEntry> entries) {
  for (size_t i = 0; i < entries.size(); ++i) entries[i].id = static_cast<int64_t>(i);
  return entries;
}

/// Each one reads what the one before it makes.
std::vector<OperatorEntry> in_a_row(std::vector<OperatorEntry> entries) {
  for (size_t i = 0; i < entries.size(); ++i) {
    entries[i].outputs_flow = {"output" + std::to_string(i)};
    if (i > 0) entries[i].inputs_flow[0] = entries[i - 1].outputs_flow[0];
  }
  return numbered(entries);
}

/// The operators in order, each with the id of its entry.
std::string matches(const std::shared_ptr<jit::Graph>& graph,
                    const std::vector<OperatorEntry>& entries) {
  const MatchedEntries matched = match_entries(*graph->block(), entries);
  std::string text;
  for (const jit::Node* node : graph->nodes()) {
    const auto found = matched.find(node);
    if (found == matched.end()) continue;
    text += std::string(text.empty() ? "" : " ") + node->kind().toUnqualString() +
            std::to_string(found->second->id);
  }
  return text;
}

std::string refusal(const std::vector<OperatorEntry>& entries) {
  return refusal_of([&] { matches(two_layers(), entries); });
}

TEST(MatchEntries, ALayerThatSurelyRunsComesBeforeAnEqualOneInABranch) {
  const auto graph = ir(R"IR(
graph(%x : Tensor, %c : bool, %w : Tensor):
  %none : NoneType = prim::Constant()
  %a : Tensor = prim::If(%c)
    block0():
      %b : Tensor = aten::linear(%x, %w, %none)
      -> (%b)
    block1():
      -> (%x)
  %d : Tensor = aten::linear(%a, %w, %none)
  return (%d))IR",
                        {{"w", at::ones({8, 8})}});
  EXPECT_EQ(matches(graph, numbered({layer("linear", 8)})), "linear0");
}

TEST(MatchEntries, LinesBothSidesUpInOrder) {
  EXPECT_EQ(
      matches(two_layers(), numbered({layer("linear", 8), entry("relu"), layer("linear", 4)})),
      "linear0 relu1 linear2");
}

TEST(MatchEntries, EntriesOfFoldedOperatorsMayBeLeftOver) {
  EXPECT_EQ(matches(two_layers(), numbered({layer("linear", 8), entry("batch_norm"), entry("relu"),
                                            layer("linear", 4), entry("mul", 2)})),
            "linear0 relu2 linear3");
}

TEST(MatchEntries, ALookupOfConstantRowsMayBeLeftOver) {
  auto lookup = layer("embedding", 10);
  lookup.inputs_quantized.assign(lookup.inputs_quantized.size(), false);
  EXPECT_EQ(matches(two_layers(),
                    numbered({lookup, layer("linear", 8), entry("relu"), layer("linear", 4)})),
            "linear1 relu2 linear3");
}

TEST(MatchEntries, OperatorsWithoutWeightMayBeLeftOver) {
  EXPECT_EQ(matches(two_layers(), numbered({layer("linear", 8), layer("linear", 4)})),
            "linear0 linear1");
}

TEST(MatchEntries, InPlaceNamesOfThePredecessorFit) {
  EXPECT_EQ(
      matches(two_layers(), numbered({layer("linear", 8), entry("relu_"), layer("linear", 4)})),
      "linear0 relu1 linear2");
}

TEST(MatchEntries, OneScaleForTheWholeWeightFitsAnyNumberOfChannels) {
  OperatorEntry whole = layer("linear", 1);
  whole.weight_granularity = WeightGranularity::PerTensor;
  EXPECT_EQ(matches(two_layers(), numbered({whole, entry("relu"), layer("linear", 4)})),
            "linear0 relu1 linear2");
}

TEST(MatchEntries, AQuantizedPairCountsMoreThanManyOthers) {
  // By their number alone, three relus would be lined up and the pool be lost.
  const auto graph = ir(R"IR(
graph(%x : Tensor):
  %l : int[] = prim::Constant[value=[2, 2]]()
  %n : bool = prim::Constant[value=0]()
  %p : Tensor = aten::max_pool2d(%x, %l, %l, %l, %l, %n)
  %a : Tensor = aten::relu(%p)
  %b : Tensor = aten::relu(%a)
  %c : Tensor = aten::relu(%b)
  return (%c))IR");
  OperatorEntry pool = entry("max_pool2d");
  pool.inputs_quantized = {true};
  EXPECT_EQ(matches(graph, numbered({entry("relu"), entry("relu"), entry("relu"), pool})),
            "max_pool2d3");
}

TEST(MatchEntries, AMissingEntryIsRefusedWithBothSides) {
  expect_words(refusal(numbered({layer("linear", 8), entry("relu")})),
               {"the model has linear", "4 output channels", "no further entry"});
}

TEST(MatchEntries, AMissingOperatorIsRefusedWithBothSides) {
  for (const auto& order : {numbered, in_a_row}) {
    expect_words(refusal(order({layer("linear", 8), layer("linear", 4), layer("conv2d", 6)})),
                 {"no further operator", "entry 2", "conv2d", "6 weight scale(s)"});
  }
  expect_words(refusal(in_a_row({layer("conv2d", 6), layer("linear", 8), layer("linear", 4)})),
               {"the model has linear", "entry 0", "conv2d", "6 weight scale(s)"});
}

/// x + (what a linear layer, and perhaps a ReLU behind it, made of a parameter), then a layer.
std::shared_ptr<jit::Graph> layer_of_a_sum() {
  return ir(R"IR(
graph(%x : Tensor, %c : Tensor, %w : Tensor):
  %none : NoneType = prim::Constant()
  %one : int = prim::Constant[value=1]()
  %a : Tensor = aten::add(%x, %c, %one)
  %b : Tensor = aten::linear(%a, %w, %none)
  return (%b))IR",
            {{"c", at::ones({8})}, {"w", at::ones({4, 8})}});
}

TEST(MatchEntries, LayersThatReadConstantsOnlyMayBeLeftOver) {
  OperatorEntry sum = entry("add", 2);
  sum.inputs_flow = {"x", "output1"};
  sum.outputs_flow = {"sum"};
  OperatorEntry last = layer("linear", 4);
  last.inputs_flow = {"sum"};
  auto folded = in_a_row({layer("linear", 8), entry("relu")});
  EXPECT_EQ(matches(layer_of_a_sum(), numbered({folded[0], folded[1], sum, last})), "add2 linear3");
  // Its reader reads the model's input instead.
  sum.inputs_flow = {"output1", "c"};
  expect_words(refusal_of([&] {
                 matches(layer_of_a_sum(), numbered({folded[0], folded[1], sum, last}));
               }),
               {"entry 0", "linear", "8 weight scale(s)"});
}

TEST(MatchEntries, BeforeOrBehindEqualOnesThatRun) {
  const auto graph = ir(R"IR(
graph(%x : Tensor, %c : Tensor, %w : Tensor):
  %none : NoneType = prim::Constant()
  %one : int = prim::Constant[value=1]()
  %a : Tensor = aten::linear(%x, %w, %none)
  %b : Tensor = aten::add(%a, %c, %one)
  return (%b))IR",
                        {{"c", at::ones({4})}, {"w", at::ones({4, 8})}});
  auto layers = in_a_row({layer("linear", 4), layer("linear", 4)});
  layers[1].inputs_flow = {"x"};
  OperatorEntry sum = entry("add", 2);
  sum.inputs_flow = {"output1", "output0"};
  EXPECT_EQ(matches(graph, numbered({layers[0], layers[1], sum})), "linear1 add2");
  sum.inputs_flow = {"output0", "output1"};
  EXPECT_EQ(matches(graph, numbered({layers[0], layers[1], sum})), "linear0 add2");
}

TEST(MatchEntries, AProductBesideOneLikeItIsRefused) {
  const auto graph = ir(R"IR(
graph(%x : Tensor, %y : Tensor):
  %a : Tensor = aten::matmul(%x, %y)
  return (%a))IR");
  OperatorEntry product = entry("matmul", 2);
  product.inputs_quantized = {true, true};
  EXPECT_EQ(matches(graph, numbered({product})), "matmul0");
  expect_words(refusal_of([&] {
                 matches(graph, numbered({product, product}));
               }),
               {"no further operator", "entry 1, matmul"});
}

TEST(MatchEntries, ProductsOfConstantsMayBeLeftOver) {
  OperatorEntry product = entry("matmul", 2);
  product.inputs_quantized = {true, true};
  EXPECT_EQ(matches(two_layers(),
                    numbered({product, layer("linear", 8), entry("relu"), layer("linear", 4)})),
            "linear1 relu2 linear3");
}

TEST(MatchEntries, AnotherNumberOfChannelsIsRefusedWithBothSides) {
  expect_words(refusal(numbered({layer("linear", 8), entry("relu"), layer("linear", 5)})),
               {"the model has linear", "4 output channels", "entry 2", "5 weight scale(s)"});
}

TEST(MatchEntries, AnotherOrderIsRefused) {
  expect_words(refusal(numbered({layer("linear", 4), entry("relu"), layer("linear", 8)})),
               {"the model has linear", "the QuantConf has"});
}

TEST(MatchEntries, AnotherNumberOfInputsDoesNotFit) {
  const auto graph = ir(R"IR(
graph(%x : Tensor, %y : Tensor):
  %one : int = prim::Constant[value=1]()
  %l : Tensor[] = prim::ListConstruct(%x, %y)
  %c : Tensor = aten::cat(%l, %one)
  return (%c))IR");
  OperatorEntry two = entry("cat", 2);
  OperatorEntry three = entry("cat", 3);
  two.inputs_quantized = {true, true};
  three.inputs_quantized = {true, true, true};
  EXPECT_EQ(matches(graph, numbered({two})), "cat0");
  expect_words(refusal_of([&] { matches(graph, numbered({three})); }),
               {"cat with 2 activation input(s)", "cat with 3 activation input(s)"});
}

TEST(MatchEntries, JoinsThatBecameOneMayBeLeftOver) {
  const auto graph = ir(R"IR(
graph(%x : Tensor, %y : Tensor, %z : Tensor):
  %one : int = prim::Constant[value=1]()
  %l : Tensor[] = prim::ListConstruct(%x, %y, %z)
  %c : Tensor = aten::cat(%l, %one)
  return (%c))IR");
  OperatorEntry inner = entry("cat", 2);
  inner.inputs_quantized = {true, true};
  inner.outputs_flow = {"cat0.output0"};
  OperatorEntry outer = entry("cat", 2);
  outer.inputs_quantized = {true, true};
  outer.inputs_flow = {"cat0.output0", "x"};
  EXPECT_EQ(matches(graph, numbered({inner, outer})), "");
}

TEST(MatchEntries, ArithmeticOnIntegersIsNoOperator) {
  const auto graph = ir(R"IR(
graph(%x : Long(3, strides=[1]), %y : Float(3, strides=[1])):
  %one : int = prim::Constant[value=1]()
  %a : Long(3, strides=[1]) = aten::add(%x, %x, %one)
  %b : Float(3, strides=[1]) = aten::add(%y, %y, %one)
  %both : (Tensor, Tensor) = prim::TupleConstruct(%a, %b)
  return (%both))IR");
  const auto entries = numbered({entry("add", 2)});
  const MatchedEntries matched = match_entries(*graph->block(), entries);
  ASSERT_EQ(matched.size(), 1);
  EXPECT_EQ(matched.begin()->first->input(0)->debugName(), "y");
}

}  // namespace
}  // namespace int8graph
