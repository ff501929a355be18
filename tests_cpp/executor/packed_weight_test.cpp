#include "executor/packed_weight.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <optional>

#include "executor/conv_primitive.h"
#include "executor/matmul_primitive.h"
#include "testing/ir.h"
#include "testing/small_models.h"

namespace int8graph {
namespace {

using dnnl::memory;

const void* data_of(const at::Tensor& tensor) {
  return tensor.storage().data();
}

memory::desc dense(const at::Tensor& weight) {
  return {weight.sizes().vec(), memory::data_type::s8, weight.strides().vec()};
}

/// In blocks that do not divide the sizes.
TEST(PackedWeight, GivesBackAnOwnedTensorAndRestoresIt) {
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

TEST(PackedWeight, LeavesWhatProvesNothingAlone) {
  const at::Tensor zeros = at::quantize_per_tensor(at::zeros({70, 45}), 0.1, 0, at::kQInt8);
  const PackedWeight packed(zeros, dense(zeros),
                            {{70, 45}, memory::data_type::s8, memory::format_tag::ba});
  packed.give_back();
  EXPECT_NE(data_of(zeros), nullptr);
}

TEST(PackedWeight, LeavesAPartOfALargerTensorAlone) {
  const at::Tensor weight = int8_weight({70, 45}).slice(0, 10, 70);
  const PackedWeight packed(weight, dense(weight),
                            {{60, 45}, memory::data_type::s8, memory::format_tag::ba});
  packed.give_back();
  EXPECT_NE(data_of(weight), nullptr);
}

/// Whatever layout oneDNN likes on this CPU.
TEST(PackedWeight, OfAConvolutionComesBackToo) {
  for (const int64_t groups : {1, 2, 128}) {
    const at::Tensor weight = int8_weight({128, 128 / groups, 3, 3});
    const at::Tensor before = weight.int_repr();
    const ConvPlan plan{{0, {0.1, 5, static_cast<int64_t>(c10::kQUInt8)}},
                        {weight, weight.q_per_channel_scales().to(c10::kFloat), {}},
                        {1, 1},
                        {1, 1},
                        {1, 1},
                        {1, 1},
                        groups,
                        {},
                        {}};
    const ConvConstants constants(plan, Weights::Owned);
    const ConvPrimitive convolution(plan, constants, {1, 128, 9, 9}, {1, 128, 9, 9});
    EXPECT_EQ(data_of(weight), nullptr) << groups;
    constants.restore_weight();
    EXPECT_TRUE(at::equal(weight.int_repr(), before)) << groups;
  }
}

TEST(PackedWeight, IsKeptOnceItWasAskedFor) {
  const at::Tensor weight = int8_weight({16, 16, 3, 3});
  const ConvPlan plan{{0, {0.1, 0, static_cast<int64_t>(c10::kQUInt8)}},
                      {weight, weight.q_per_channel_scales().to(c10::kFloat), {}},
                      {1, 1},
                      {1, 1},
                      {1, 1},
                      {1, 1},
                      1,
                      {},
                      {}};
  const ConvConstants constants(plan, Weights::Owned);
  constants.restore_weight();  // before it was packed
  const ConvPrimitive convolution(plan, constants, {1, 16, 9, 9}, {1, 16, 9, 9});
  EXPECT_NE(data_of(weight), nullptr);
}

TEST(PackedWeight, IsKeptForASecondLayout) {
  const at::Tensor weight = int8_weight({32, 32, 3, 3});
  const at::Tensor before = weight.int_repr();
  const ConvPlan plan{{0, {0.1, 0, static_cast<int64_t>(c10::kQUInt8)}},
                      {weight, weight.q_per_channel_scales().to(c10::kFloat), {}},
                      {1, 1},
                      {1, 1},
                      {1, 1},
                      {1, 1},
                      1,
                      {},
                      {}};
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
