#include "recipe/recipe.h"

#include <gtest/gtest.h>

#include <string>

namespace int8graph {
namespace {

// A chain of hand-made entries. Each returns the name of its output.
class RecipeTest : public testing::Test {
 protected:
  std::string add_entry(const std::string& name, std::vector<std::string> inputs) {
    OperatorEntry entry;
    entry.id = static_cast<int64_t>(entries_.size());
    entry.name = name;
    const std::string own = name + std::to_string(entry.id);
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i] == "x") inputs[i] = own + ".input" + std::to_string(i);
    }
    entry.inputs_flow = std::move(inputs);
    entry.outputs_flow = {own + ".output0"};
    if (name.starts_with("conv") || name == "linear") entry.weight_scales = {{1.0}};
    entries_.push_back(std::move(entry));
    return entries_.back().outputs_flow[0];
  }

  std::string flags(const std::string& output) const {
    for (const OperatorEntry& entry : entries_) {
      if (entry.outputs_flow[0] != output) continue;
      std::string text;
      for (const bool flag : entry.inputs_quantized) text += flag ? 'q' : '-';
      text += '>';
      for (const bool flag : entry.outputs_quantized) text += flag ? 'q' : '-';
      return text;
    }
    return "no such entry";
  }

  // The group of an activation, as "conv0.in0 pool1.out0"; empty if it is alone.
  std::string group_of(const std::string& output, size_t input) const {
    for (const auto& group : groups_of_equal_parameters(entries_)) {
      bool found = false;
      std::string text;
      for (const Activation& a : group) {
        const OperatorEntry& entry = entries_[a.entry];
        found |= !a.is_output && a.position == input && entry.outputs_flow[0] == output;
        text += (text.empty() ? "" : " ") + entry.name + std::to_string(entry.id) +
                (a.is_output ? ".out" : ".in") + std::to_string(a.position);
      }
      if (found) return text;
    }
    return "";
  }

  void apply() { apply_default_recipe(entries_); }

  std::vector<OperatorEntry> entries_;
};

TEST_F(RecipeTest, ComputeIsInt8InAndFp32Out) {
  const auto conv = add_entry("conv2d", {"x"});
  const auto relu = add_entry("relu", {conv});
  const auto linear = add_entry("linear", {relu});
  const auto matmul = add_entry("matmul", {linear, linear});
  apply();
  EXPECT_EQ(flags(conv), "q>-");
  EXPECT_EQ(flags(relu), "->-");
  EXPECT_EQ(flags(linear), "q>-");
  EXPECT_EQ(flags(matmul), "qq>-");
  EXPECT_TRUE(groups_of_equal_parameters(entries_).empty());
}

TEST_F(RecipeTest, AWeightComputedAtRunTimeStaysInFp32) {
  const auto linear = add_entry("linear", {"x"});
  entries_[0].weight_scales.clear();
  apply();
  EXPECT_EQ(flags(linear), "->-");
}

TEST_F(RecipeTest, UnknownAndNormAndLookupAreNotQuantized) {
  const auto table = add_entry("embedding", {});
  const auto norm = add_entry("batch_norm", {table});
  const auto other = add_entry("of_another_version", {norm});
  apply();
  EXPECT_EQ(flags(table), ">-");
  EXPECT_EQ(flags(norm), "->-");
  EXPECT_EQ(flags(other), "->-");
}

TEST_F(RecipeTest, SumFusesBehindItsOnlyComputeProducer) {
  const auto stem = add_entry("relu", {"x"});
  const auto conv = add_entry("conv2d", {stem});
  const auto norm = add_entry("batch_norm", {conv});
  const auto left = add_entry("add", {norm, stem});
  const auto linear = add_entry("linear", {left});
  const auto right = add_entry("add", {left, linear});
  add_entry("linear", {add_entry("relu", {right})});
  apply();
  EXPECT_EQ(flags(left), "-q>-");
  EXPECT_EQ(flags(right), "q->-");
}

TEST_F(RecipeTest, OfTwoProducersTheLastOneTakesTheSum) {
  const auto first = add_entry("conv2d", {"x"});
  const auto last = add_entry("conv2d", {"x"});
  const auto sum = add_entry("add", {last, first});
  add_entry("conv2d", {sum});
  apply();
  EXPECT_EQ(flags(sum), "-q>-");
}

TEST_F(RecipeTest, ASumThatIsReadInFp32KeepsItsOperandsInFp32) {
  const auto conv = add_entry("conv2d", {"x"});
  const auto sum = add_entry("add", {conv, "x"});
  const auto relu = add_entry("relu", {sum});
  apply();
  EXPECT_EQ(flags(sum), "-->-");
  EXPECT_EQ(flags(relu), "->-");
}

TEST_F(RecipeTest, AResidualStreamThatOnlyNormsReadStaysInFp32) {
  std::vector<std::string> sums = {"x"};
  for (int i = 0; i < 3; ++i) {
    const auto linear = add_entry("linear", {"x"});  // reads the stream from behind a layer norm
    sums.push_back(add_entry("add", {linear, sums.back()}));
  }
  apply();
  for (size_t i = 1; i < sums.size(); ++i) EXPECT_EQ(flags(sums[i]), "-->-");
}

TEST_F(RecipeTest, AResidualStreamThatComputeReadsGoesOnInInt8) {
  const auto first = add_entry("add", {add_entry("conv2d", {"x"}), "x"});
  const auto second = add_entry("add", {add_entry("conv2d", {"x"}), first});
  add_entry("conv2d", {second});
  apply();
  EXPECT_EQ(flags(first), "-q>-");
  EXPECT_EQ(flags(second), "-q>-");
}

TEST_F(RecipeTest, AProducerWithAnotherReaderDoesNotTakeTheSum) {
  const auto first = add_entry("conv2d", {"x"});
  const auto last = add_entry("conv2d", {first});
  const auto used_again = add_entry("conv2d", {last});
  const auto sum = add_entry("add", {first, last});
  const auto other = add_entry("add", {used_again, last});
  add_entry("conv2d", {other});
  apply();
  EXPECT_EQ(flags(sum), "-->-");
  EXPECT_EQ(flags(other), "-q>-");
}

TEST_F(RecipeTest, ASumOfNoComputeIsNotQuantized) {
  const auto scores = add_entry("matmul", {"x", "x"});
  const auto masked = add_entry("add", {scores, "x"});
  const auto self = add_entry("add", {masked, masked});
  const auto scalar = add_entry("add", {masked});
  apply();
  EXPECT_EQ(flags(masked), "-->-");
  EXPECT_EQ(flags(self), "-->-");
  EXPECT_EQ(flags(scalar), "->-");
}

TEST_F(RecipeTest, AGateIsNotQuantized) {
  const auto conv = add_entry("conv2d", {"x"});
  const auto gate = add_entry("sigmoid", {conv});
  const auto mul = add_entry("mul", {conv, gate});
  const auto next = add_entry("conv2d", {mul});
  apply();
  EXPECT_EQ(flags(mul), "-->-");
  EXPECT_EQ(flags(next), "q>-");
}

TEST_F(RecipeTest, APoolStaysInt8BesideCompute) {
  const auto conv = add_entry("conv2d", {"x"});
  const auto relu = add_entry("relu", {conv});
  const auto pool = add_entry("max_pool2d", {relu});
  const auto next = add_entry("conv2d", {pool});
  apply();
  EXPECT_EQ(flags(pool), "q>q");
  EXPECT_EQ(group_of(next, 0), "max_pool2d2.in0 max_pool2d2.out0 conv2d3.in0");
}

TEST_F(RecipeTest, APoolOfFp32StaysInFp32) {
  const auto pool = add_entry("max_pool2d", {"x"});
  const auto tanh = add_entry("tanh", {pool});
  add_entry("conv2d", {tanh});
  apply();
  EXPECT_EQ(flags(pool), "->-");
}

TEST_F(RecipeTest, AnAverageReadsInt8) {
  const auto relu = add_entry("relu", {add_entry("conv2d", {"x"})});
  const auto average = add_entry("adaptive_avg_pool2d", {relu});
  const auto beside = add_entry("conv2d", {relu});
  apply();
  EXPECT_EQ(flags(average), "q>-");
  EXPECT_EQ(flags(beside), "q>-");
  EXPECT_EQ(group_of(average, 0), "adaptive_avg_pool2d2.in0 conv2d3.in0");
}

TEST_F(RecipeTest, AnAverageReadsInt8BesideAPool) {
  const auto relu = add_entry("relu", {add_entry("conv2d", {"x"})});
  const auto average = add_entry("adaptive_avg_pool2d", {relu});
  const auto pool = add_entry("max_pool2d", {relu});
  add_entry("conv2d", {pool});
  apply();
  EXPECT_EQ(flags(average), "q>-");
  EXPECT_EQ(flags(pool), "q>q");
}

TEST_F(RecipeTest, ASumIsInt8ForAnAverage) {  // ResNet's last one
  const auto before = add_entry("relu", {add_entry("conv2d", {"x"})});
  const auto sum = add_entry("add", {add_entry("conv2d", {before}), before});
  const auto average = add_entry("adaptive_avg_pool2d", {add_entry("relu", {sum})});
  apply();
  EXPECT_EQ(flags(sum), "-q>-");
  EXPECT_EQ(flags(average), "q>-");
}

TEST_F(RecipeTest, AnAverageOfFp32StaysInFp32) {
  const auto of_input = add_entry("adaptive_avg_pool2d", {"x"});
  const auto of_tanh = add_entry("adaptive_avg_pool2d", {add_entry("tanh", {"x"})});
  const auto of_pool = add_entry("adaptive_avg_pool2d", {add_entry("max_pool2d", {"y"})});
  const auto norm = add_entry("relu", {add_entry("linear", {"z"})});
  const auto beside_linear = add_entry("adaptive_avg_pool1d", {norm});
  add_entry("linear", {norm});
  apply();
  EXPECT_EQ(flags(of_pool), "->-");
  EXPECT_EQ(flags(beside_linear), "->-");
  EXPECT_EQ(flags(of_input), "->-");
  EXPECT_EQ(flags(of_tanh), "->-");
}

TEST_F(RecipeTest, AnAverageBesideWhatLosesItsInt8StaysInFp32) {
  const auto relu = add_entry("relu", {add_entry("conv2d", {"x"})});
  const auto beside_sum = add_entry("adaptive_avg_pool2d", {relu});
  add_entry("tanh", {add_entry("add", {relu, "y"})});
  const auto other = add_entry("relu", {add_entry("conv2d", {"z"})});
  const auto beside_cat = add_entry("adaptive_avg_pool2d", {other});
  add_entry("cat", {other, "y"});
  apply();
  EXPECT_EQ(flags(beside_sum), "->-");
  EXPECT_EQ(flags(beside_cat), "->-");
}

TEST_F(RecipeTest, AnAverageBehindAGateStaysInFp32) {
  const auto conv = add_entry("conv2d", {"x"});
  const auto gate = add_entry("sigmoid", {add_entry("conv2d", {"y"})});
  const auto average = add_entry("adaptive_avg_pool2d", {add_entry("mul", {conv, gate})});
  apply();
  EXPECT_EQ(flags(average), "->-");
}

TEST_F(RecipeTest, AnAverageReadsWhatPoolsAndJoinsHandThrough) {
  const auto one = add_entry("relu", {add_entry("conv2d", {"x"})});
  const auto two = add_entry("relu", {add_entry("conv2d", {"x"})});
  const auto cat = add_entry("cat", {one, two});
  const auto of_cat = add_entry("adaptive_avg_pool2d", {cat});
  const auto pool = add_entry("max_pool2d", {add_entry("conv2d", {"x"})});
  const auto of_pool = add_entry("adaptive_avg_pool2d", {pool});
  apply();
  EXPECT_EQ(flags(cat), "qq>q");
  EXPECT_EQ(flags(of_cat), "q>-");
  EXPECT_EQ(flags(pool), "q>q");
  EXPECT_EQ(flags(of_pool), "q>-");
}

TEST_F(RecipeTest, AnAverageBesideReadersOfFp32StaysInFp32) {  // squeeze and excitation
  const auto conv = add_entry("conv2d", {"x"});
  const auto sum = add_entry("add", {add_entry("conv2d", {"y"}), conv});
  const auto relu = add_entry("relu", {sum});
  const auto average = add_entry("adaptive_avg_pool2d", {relu});
  add_entry("mul", {relu, add_entry("sigmoid", {add_entry("conv2d", {average})})});
  apply();
  EXPECT_EQ(flags(average), "->-");
  EXPECT_EQ(flags(sum), "-->-");
}

TEST_F(RecipeTest, PoolsAloneDoNotSupportEachOther) {
  const auto first = add_entry("max_pool2d", {"x"});
  const auto cat = add_entry("cat", {first, first});
  const auto second = add_entry("max_pool2d", {cat});
  apply();
  EXPECT_EQ(flags(first), "->-");
  EXPECT_EQ(flags(cat), "-->-");
  EXPECT_EQ(flags(second), "->-");
}

TEST_F(RecipeTest, FlattenBehindAPoolTakesItsParametersAndGivesThemOn) {
  const auto conv = add_entry("conv2d", {"x"});
  const auto pool = add_entry("max_pool2d", {conv});
  const auto flatten = add_entry("flatten", {pool});
  const auto linear = add_entry("linear", {flatten});
  apply();
  EXPECT_EQ(flags(flatten), "q>q");
  EXPECT_EQ(group_of(linear, 0),
            "max_pool2d1.in0 max_pool2d1.out0 flatten2.in0 flatten2.out0 linear3.in0");
}

TEST_F(RecipeTest, FlattenElsewhereIsNotQuantized) {
  const auto conv = add_entry("conv2d", {"x"});
  const auto pool = add_entry("adaptive_avg_pool2d", {conv});
  const auto flatten = add_entry("flatten", {pool});
  const auto linear = add_entry("linear", {flatten});
  apply();
  EXPECT_EQ(flags(flatten), "->-");
  EXPECT_EQ(flags(linear), "q>-");
}

TEST_F(RecipeTest, CatBetweenComputeSharesOneRange) {  // SqueezeNet
  const auto squeeze = add_entry("conv2d", {"x"});
  const auto one = add_entry("relu", {add_entry("conv2d", {squeeze})});
  const auto three = add_entry("relu", {add_entry("conv2d", {squeeze})});
  const auto cat = add_entry("cat", {one, three});
  const auto next = add_entry("conv2d", {cat});
  apply();
  EXPECT_EQ(flags(cat), "qq>q");
  EXPECT_EQ(group_of(next, 0), "cat5.in0 cat5.in1 cat5.out0 conv2d6.in0");
}

TEST_F(RecipeTest, ASkipConnectionJoinsTheGroupOfItsCat) {  // U-Net
  const auto skip = add_entry("relu", {add_entry("conv2d", {"x"})});
  const auto pool = add_entry("max_pool2d", {skip});
  const auto deep = add_entry("conv2d", {pool});
  const auto up = add_entry("conv_transpose2d", {deep});
  const auto cat = add_entry("cat", {up, skip});
  const auto next = add_entry("conv2d", {cat});
  apply();
  EXPECT_EQ(flags(pool), "q>q");
  EXPECT_EQ(flags(cat), "qq>q");
  EXPECT_EQ(group_of(next, 0),
            "max_pool2d2.in0 max_pool2d2.out0 conv2d3.in0 cat5.in0 cat5.in1 cat5.out0 conv2d6.in0");
  EXPECT_EQ(group_of(up, 0), "");
}

TEST_F(RecipeTest, CatInFrontOfANormStaysInFp32) {  // DenseNet
  const auto pool = add_entry("max_pool2d", {add_entry("conv2d", {"x"})});
  const auto grown = add_entry("conv2d", {pool});
  const auto cat = add_entry("cat", {pool, grown});
  const auto norm = add_entry("batch_norm", {cat});
  const auto next = add_entry("conv2d", {add_entry("relu", {norm})});
  apply();
  EXPECT_EQ(flags(cat), "-->-");
  EXPECT_EQ(flags(pool), "q>q");
  EXPECT_EQ(flags(next), "q>-");
}

TEST_F(RecipeTest, CatWithAnFp32InputStaysInFp32) {
  const auto conv = add_entry("conv2d", {"x"});
  const auto cat = add_entry("cat", {conv, "x"});
  const auto next = add_entry("conv2d", {cat});
  apply();
  EXPECT_EQ(flags(cat), "-->-");
  EXPECT_EQ(flags(next), "q>-");
}

TEST_F(RecipeTest, CatsInARowShareOneRange) {  // ShuffleNet
  const auto a = add_entry("conv2d", {"x"});
  const auto b = add_entry("conv2d", {"x"});
  const auto first = add_entry("cat", {a, b});
  const auto branch = add_entry("conv2d", {first});  // reads a half of it
  const auto second = add_entry("cat", {first, branch});
  const auto next = add_entry("conv2d", {second});
  apply();
  EXPECT_EQ(flags(first), "qq>q");
  EXPECT_EQ(flags(second), "qq>q");
  EXPECT_EQ(group_of(next, 0),
            "cat2.in0 cat2.in1 cat2.out0 conv2d3.in0 cat4.in0 cat4.in1 cat4.out0 conv2d5.in0");
}

TEST_F(RecipeTest, ASumInFrontOfANormTakesAnFp32Operand) {  // pre-activation ResNets
  const auto first = add_entry("conv2d", {"x"});
  const auto sum = add_entry("add", {add_entry("conv2d", {first}), first});
  const auto next = add_entry("conv2d", {add_entry("relu", {add_entry("batch_norm", {sum})})});
  apply();
  EXPECT_EQ(flags(sum), "-->-");
  EXPECT_EQ(flags(next), "q>-");
}

TEST_F(RecipeTest, ConvolutionsThatReadOneOutputShareOneRange) {  // halves of it, perhaps
  const auto whole = add_entry("conv2d", {"x"});
  const auto left = add_entry("conv2d", {whole});
  const auto right = add_entry("conv2d", {whole});
  add_entry("linear", {whole});
  apply();
  EXPECT_EQ(group_of(left, 0), "conv2d1.in0 conv2d2.in0");
  EXPECT_EQ(group_of(right, 0), "conv2d1.in0 conv2d2.in0");
}

TEST_F(RecipeTest, ACatThatEndsInFp32TakesItsPredecessorsWithIt) {
  const auto a = add_entry("conv2d", {"x"});
  const auto b = add_entry("conv2d", {"x"});
  const auto first = add_entry("cat", {a, b});
  const auto second = add_entry("cat", {first, a});
  const auto end = add_entry("tanh", {second});
  apply();
  EXPECT_EQ(flags(end), "->-");
  EXPECT_EQ(flags(second), "-->-");
  EXPECT_EQ(flags(first), "-->-");
}

TEST_F(RecipeTest, WithoutTheRecipeEverythingWithAnInt8FormIsQuantized) {
  const auto conv = add_entry("conv2d", {"x"});
  const auto relu = add_entry("relu", {conv});
  const auto sum = add_entry("add", {relu, relu});
  const auto flatten = add_entry("flatten", {sum});
  quantize_everything(entries_);
  EXPECT_EQ(flags(conv), "q>q");
  EXPECT_EQ(flags(relu), "->-");
  EXPECT_EQ(flags(sum), "qq>q");
  EXPECT_EQ(flags(flatten), "q>q");
}

}  // namespace
}  // namespace int8graph
