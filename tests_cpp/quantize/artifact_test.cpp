#include "quantize/artifact.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "testing/small_models.h"

namespace int8graph {
namespace {

TEST(Artifact, KeepsItsFactsAndTakesNewOnes) {
  torch::jit::Module module = small_model("return x");
  EXPECT_FALSE(is_artifact(module));
  write_facts(module, {"[1]", {{6, 2, 3}, {4}}});
  EXPECT_TRUE(is_artifact(module));
  EXPECT_EQ(read_facts(module).conf_json, "[1]");
  EXPECT_EQ(read_facts(module).inputs, (std::vector<std::vector<int64_t>>{{6, 2, 3}, {4}}));
  write_facts(module, {"", {}});
  EXPECT_EQ(read_facts(module).conf_json, "");
  EXPECT_TRUE(read_facts(module).inputs.empty());
}

TEST(Artifact, InputsOfZerosFitTheFactsOfACall) {
  const auto facts = input_facts({at::ones({2, 3}), at::ones({}, at::kLong)});
  const auto zeros = inputs_of_zeros(facts);
  ASSERT_EQ(zeros.size(), 2);
  EXPECT_TRUE(at::equal(zeros[0].toTensor(), at::zeros({2, 3})));
  EXPECT_EQ(zeros[1].toTensor().scalar_type(), at::kLong);
  EXPECT_EQ(zeros[1].toTensor().dim(), 0);
}

TEST(Artifact, OfOtherInputsThanTensorsNothingIsKept) {
  EXPECT_TRUE(input_facts({at::ones({2}), 3}).empty());
}

}  // namespace
}  // namespace int8graph
