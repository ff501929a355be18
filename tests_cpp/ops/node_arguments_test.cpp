#include "ops/node_arguments.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>

#include <functional>

#include "testing/ir.h"

namespace int8graph {
namespace {

namespace jit = torch::jit;

using Integers = std::vector<int64_t>;

class NodeArgumentsTest : public testing::Test {
 protected:
  enum Position : size_t { kTensor, kNone, kYes, kThree, kHalf, kWord, kOne, kTwo, kMade, kOpen };

  std::string refusal(const std::function<void()>& read) const {
    try {
      read();
    } catch (const NotLowerable& error) {
      return error.reason;
    }
    return "nothing was thrown";
  }

  const std::shared_ptr<jit::Graph> graph_ = ir(R"IR(
graph(%x : Tensor, %n : int):
  %none : NoneType = prim::Constant()
  %yes : bool = prim::Constant[value=1]()
  %i3 : int = prim::Constant[value=3]()
  %half : float = prim::Constant[value=0.5]()
  %word : str = prim::Constant[value="same"]()
  %l1 : int[] = prim::Constant[value=[7]]()
  %l2 : int[] = prim::Constant[value=[1, 2]]()
  %made : int[] = prim::ListConstruct(%i3, %i3)
  %open : int[] = prim::ListConstruct(%i3, %n)
  %r : Tensor = test::any(%x, %none, %yes, %i3, %half, %word, %l1, %l2, %made, %open)
  return (%r))IR");
  const NodeArguments arguments_{*find_node(*graph_, "test::any")};
};

TEST_F(NodeArgumentsTest, ReadsConstantsOfEachType) {
  EXPECT_EQ(arguments_.size(), 10);
  EXPECT_EQ(arguments_.value(kTensor)->debugName(), "x");
  EXPECT_TRUE(arguments_.is_tensor(kTensor));
  EXPECT_FALSE(arguments_.is_tensor(kThree));
  EXPECT_TRUE(arguments_.is_none(kNone));
  EXPECT_FALSE(arguments_.is_none(kThree));
  EXPECT_TRUE(arguments_.boolean(kYes));
  EXPECT_EQ(arguments_.integer(kThree), 3);
  EXPECT_EQ(arguments_.number(kThree), 3.0);
  EXPECT_EQ(arguments_.number(kHalf), 0.5);
  EXPECT_EQ(arguments_.string(kWord), "same");
}

TEST_F(NodeArgumentsTest, ReadsListsWhereverTheyAreMade) {
  EXPECT_EQ(arguments_.integers(kTwo), (Integers{1, 2}));
  EXPECT_EQ(arguments_.integers(kMade), (Integers{3, 3}));
  EXPECT_EQ(arguments_.integers(kThree), (Integers{3}));
}

TEST_F(NodeArgumentsTest, OneElementStandsForAll) {
  EXPECT_EQ(arguments_.integers(kOne, 3), (Integers{7, 7, 7}));
  EXPECT_EQ(arguments_.integers(kTwo, 2), (Integers{1, 2}));
  EXPECT_EQ(refusal([this] { arguments_.integers(kTwo, 3); }), "argument 7 has 2 elements, not 3");
}

TEST_F(NodeArgumentsTest, TellsWhatIsNotAsWanted) {
  EXPECT_EQ(refusal([this] { arguments_.value(kThree); }), "argument 3 is not a tensor");
  EXPECT_EQ(refusal([this] { arguments_.boolean(kThree); }), "argument 3 is not a bool");
  EXPECT_EQ(refusal([this] { arguments_.integer(kHalf); }), "argument 4 is not an int");
  EXPECT_EQ(refusal([this] { arguments_.number(kWord); }), "argument 5 is not a number");
  EXPECT_EQ(refusal([this] { arguments_.string(kThree); }), "argument 3 is not a string");
  EXPECT_EQ(refusal([this] { arguments_.integers(kWord); }), "argument 5 is not a list of ints");
  EXPECT_EQ(refusal([this] { arguments_.integer(kTensor); }), "argument 0 is not a constant");
  EXPECT_EQ(refusal([this] { arguments_.integers(kOpen); }),
            "argument 9 is not a list of constant ints");
}

TEST(NodeArguments, ATensorListIsReadWhereItIsBuilt) {
  const auto graph = ir(R"IR(
graph(%x : Tensor, %y : Tensor, %elsewhere : Tensor[]):
  %one : int = prim::Constant[value=1]()
  %l : Tensor[] = prim::ListConstruct(%x, %y)
  %a : Tensor = aten::cat(%l, %one)
  %b : Tensor = aten::stack(%elsewhere, %one)
  %r : (Tensor, Tensor) = prim::TupleConstruct(%a, %b)
  return (%r))IR");
  const auto elements = NodeArguments(*find_node(*graph, "aten::cat")).list(0);
  ASSERT_EQ(elements.size(), 2);
  EXPECT_EQ(elements[1]->debugName(), "y");
  EXPECT_THROW(NodeArguments(*find_node(*graph, "aten::stack")).list(0), NotLowerable);
}

TEST(ConstantTensor, IsFoundBehindItsDequantizeToo) {
  const auto graph = ir(R"IR(
graph(%x : Tensor, %weight : Tensor):
  %one : int = prim::Constant[value=1]()
  %w : Tensor = aten::dequantize(%weight)
  %y : Tensor = aten::linear(%x, %w, %one)
  return (%y))IR",
                        {{"weight", int8_weight({2, 3})}});
  const jit::Node* linear = find_node(*graph, "aten::linear");
  const jit::Value* weight = linear->input(1);
  EXPECT_EQ(constant_tensor(weight)->scalar_type(), at::kQInt8);
  EXPECT_EQ(constant_tensor(weight->node()->input(0))->sizes(), at::IntArrayRef({2, 3}));
  EXPECT_FALSE(constant_tensor(linear->input(0)).has_value());
  EXPECT_FALSE(constant_tensor(linear->input(2)).has_value()) << "a number";
  EXPECT_FALSE(constant_tensor(linear->output()).has_value());
}

}  // namespace
}  // namespace int8graph
