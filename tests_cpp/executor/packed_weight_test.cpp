#include "executor/packed_weight.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <optional>

#include "executor/conv_primitive.h"
#include "executor/matmul_primitive.h"
#include "onednn/onednn_loader.h"
#include "testing/ir.h"
#include "testing/small_models.h"

namespace int8graph {
namespace {

class PackedWeightTest : public testing::Test {
 protected:
  PackedWeightTest() { load_onednn(); }
};

using dnnl::memory;

const void* data_of(const at::Tensor& tensor) {
  return tensor.storage().data();
}

memory::desc dense(const at::Tensor& weight) {
  return {weight.sizes().vec(), memory::data_type::s8, weight.strides().vec()};
}

/// A convolution 3 wide, padded, of a u8 source.
ConvPlan conv_of(const at::Tensor& weight, int64_t groups = 1, int64_t zero_point = 0) {
  return {{{0, {0.1, zero_point, static_cast<int64_t>(c10::kQUInt8)}},
           {weight, weight.q_per_channel_scales().to(c10::kFloat), {}}},
          {1, 1},
          {1, 1},
          {1, 1},
          {1, 1},
          {1, 1},
          {},
          groups};
}

/// In blocks that do not divide the sizes.
TEST_F(PackedWeightTest, GivesBackAnOwnedTensorAndRestoresIt) {
  for (const auto tag :
       {memory::format_tag::BA16a64b4a, memory::format_tag::AB32a32b, memory::format_tag::ba}) {
    const at::Tensor weight = int8_weight({70, 45});
    const at::Tensor before = weight.int_repr();
    const PackedWeight packed(weight, dense(weight), {{70, 45}, memory::data_type::s8, tag});
    packed.give_back();
    EXPECT_EQ(data_of(weight), nullptr);
    packed.restore();
    EXPECT_TRUE(at::equal(weight.int_repr(), before));
    packed.restore();
    EXPECT_TRUE(at::equal(weight.int_repr(), before));
  }
}

TEST_F(PackedWeightTest, LeavesWhatProvesNothingAlone) {
  const at::Tensor zeros = at::quantize_per_tensor(at::zeros({70, 45}), 0.1, 0, at::kQInt8);
  const PackedWeight packed(zeros, dense(zeros),
                            {{70, 45}, memory::data_type::s8, memory::format_tag::ba});
  packed.give_back();
  EXPECT_NE(data_of(zeros), nullptr);
}

TEST_F(PackedWeightTest, LeavesAPartOfALargerTensorAlone) {
  const at::Tensor weight = int8_weight({70, 45}).slice(0, 10, 70);
  const PackedWeight packed(weight, dense(weight),
                            {{60, 45}, memory::data_type::s8, memory::format_tag::ba});
  packed.give_back();
  EXPECT_NE(data_of(weight), nullptr);
}

/// Whatever layout oneDNN likes on this CPU.
TEST_F(PackedWeightTest, OfAConvolutionComesBackToo) {
  for (const int64_t groups : {1, 2, 128}) {
    const at::Tensor weight = int8_weight({128, 128 / groups, 3, 3});
    const at::Tensor before = weight.int_repr();
    const ConvPlan plan = conv_of(weight, groups, 5);
    const ConvConstants constants(plan, Weights::Owned);
    const ConvPrimitive convolution(plan, constants, {{1, 128, 9, 9}, {1, 128, 9, 9}, {}});
    EXPECT_EQ(data_of(weight), nullptr) << groups;
    constants.restore_weight();
    EXPECT_TRUE(at::equal(weight.int_repr(), before)) << groups;
  }
}

TEST_F(PackedWeightTest, IsGivenBackOnceForAllSizes) {
  const at::Tensor weight = int8_weight({128, 128, 3, 3});
  const ConvPlan plan = conv_of(weight);
  const ConvConstants constants(plan, Weights::Owned);
  const ConvPrimitive small(plan, constants, {{1, 128, 9, 9}, {1, 128, 9, 9}, {}});
  EXPECT_EQ(data_of(weight), nullptr);
  const ConvPrimitive large(plan, constants, {{1, 128, 19, 19}, {1, 128, 19, 19}, {}});
  EXPECT_EQ(large.weight_layout(), small.weight_layout());
  EXPECT_EQ(data_of(weight), nullptr);
}

TEST_F(PackedWeightTest, IsKeptOnceItWasAskedFor) {
  const at::Tensor weight = int8_weight({16, 16, 3, 3});
  const ConvPlan plan = conv_of(weight);
  const ConvConstants constants(plan, Weights::Owned);
  constants.restore_weight();  // before it was packed
  const ConvPrimitive convolution(plan, constants, {{1, 16, 9, 9}, {1, 16, 9, 9}, {}});
  EXPECT_NE(data_of(weight), nullptr);
}

TEST_F(PackedWeightTest, IsKeptForASecondLayout) {
  const at::Tensor weight = int8_weight({32, 32, 3, 3});
  const at::Tensor before = weight.int_repr();
  const ConvPlan plan = conv_of(weight);
  const ConvConstants constants(plan, Weights::Owned);
  const auto layout = [](memory::format_tag tag) {
    return memory::desc({32, 32, 3, 3}, memory::data_type::s8, tag);
  };
  constants.with_weight(layout(memory::format_tag::acdb));
  EXPECT_EQ(data_of(weight), nullptr);
  constants.with_weight(layout(memory::format_tag::cdba));
  EXPECT_TRUE(at::equal(weight.int_repr(), before));
  constants.with_weight(layout(memory::format_tag::abcd));
  EXPECT_TRUE(at::equal(weight.int_repr(), before));
}

}  // namespace
}  // namespace int8graph
